// Node's `ws` as a client of our server: ../README.md says what each check is.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import WebSocket from "ws";

const LIMIT = 16 << 20;
const QUIET = 12_000;
const PATIENCE = 30_000;

const {
  positionals: [uri, check],
  values: { ca, proxy },
} = parseArgs({
  allowPositionals: true,
  options: { ca: { type: "string" }, proxy: { type: "string" } },
});

/** A connection whose events are taken one by one. */
class Connection {
  #events = [];
  #wake = () => {};

  static async open(path, { protocols = [], trust = true, ...options } = {}) {
    const authority = trust && ca ? { ca: readFileSync(ca) } : {};
    const connection = new Connection(
      new WebSocket(uri + path, protocols, {
        maxPayload: 64 << 20,
        agent: agent(authority),
        ...authority,
        ...options,
      }),
    );
    await connection.event("open");
    return connection;
  }

  constructor(socket) {
    this.socket = socket;
    for (const name of ["open", "message", "pong", "close", "error"]) {
      socket.on(name, (...values) => {
        this.#events.push([name, values]);
        this.#wake();
      });
    }
  }

  /** The values of the next event, which must be of this name. */
  async event(expected) {
    while (this.#events.length === 0) {
      await new Promise((wake) => (this.#wake = wake));
    }
    const [name, values] = this.#events.shift();
    assert.equal(name, expected, values.join(" "));
    return values;
  }

  /** Whether anything has happened that nobody has taken. */
  get happened() {
    return this.#events.length > 0;
  }

  async echoes(data) {
    this.socket.send(data);
    await this.hears(data);
  }

  async hears(data) {
    const [heard, binary] = await this.event("message");
    assert.equal(binary, typeof data !== "string");
    assert.ok(heard.equals(Buffer.from(data)), "what came back is something else");
  }

  async end() {
    this.socket.close(1000);
    const [code] = await this.event("close");
    assert.equal(code, 1000);
  }
}

function agent(authority) {
  if (!proxy) return undefined;
  return proxy.startsWith("socks")
    ? new SocksProxyAgent(proxy, authority)
    : new HttpsProxyAgent(proxy, authority);
}

async function compressible(connection) {
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(1000);
  for (let round = 0; round < 3; round++) {
    await connection.echoes(text);
    await connection.echoes(Buffer.from(text));
    await connection.echoes("short");
  }
  await connection.echoes(randomBytes(100_000));
  await connection.end();
}

const checks = {
  async messages() {
    const connection = await Connection.open("/echo");
    await connection.echoes("grüße, 世界 👋");
    await connection.echoes(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    await connection.end();
  },

  async empty() {
    const connection = await Connection.open("/echo");
    await connection.echoes("");
    await connection.echoes(Buffer.alloc(0));
    await connection.echoes("something");
    await connection.end();
  },

  async fragments() {
    const connection = await Connection.open("/fragments");
    for (const binary of [false, true]) {
      const data = Buffer.from("grüße, 世界 👋");
      // Through the middle of a code point: the text as a whole is UTF-8.
      connection.socket.send(data.subarray(0, 3), { binary, fin: false });
      connection.socket.send(data.subarray(3, 8), { binary, fin: false });
      connection.socket.send(data.subarray(8), { binary, fin: true });
      await connection.hears(binary ? data : data.toString());
    }
    await connection.end();
  },

  async large() {
    const connection = await Connection.open("/echo");
    await connection.echoes(randomBytes(LIMIT));
    await connection.end();
    // Compressed it is refused by what comes out, otherwise by its header.
    for (const perMessageDeflate of [true, false]) {
      const refused = await Connection.open("/echo", { perMessageDeflate });
      refused.socket.send(randomBytes(LIMIT + 1));
      const [code, reason] = await refused.event("close");
      assert.equal(code, 1009);
      assert.notEqual(`${reason}`, "");
    }
  },

  async deflate() {
    const connection = await Connection.open("/echo");
    assert.match(connection.socket.extensions, /^permessage-deflate/);
    await compressible(connection);
  },

  async takeover() {
    const connection = await Connection.open("/echo");
    assert.equal(connection.socket.extensions, "permessage-deflate");
    await compressible(connection);
  },

  async plain() {
    const connection = await Connection.open("/echo", { perMessageDeflate: false });
    assert.equal(connection.socket.extensions, "");
    await compressible(connection);
  },

  async ping() {
    const ours = await Connection.open("/echo");
    ours.socket.ping("are you there");
    assert.equal(`${await ours.event("pong")}`, "are you there");
    await ours.end();
    const theirs = await Connection.open("/ping");
    await theirs.hears("pong: are you there");
    await theirs.end();
  },

  async close() {
    const ours = await Connection.open("/farewell");
    await ours.echoes("hello");
    ours.socket.close(3001, "done for today, tschüß");
    await ours.event("close");
    const seen = await Connection.open("/seen");
    await seen.hears("3001 done for today, tschüß");
    await seen.end();
    const theirs = await Connection.open("/close");
    const [code, reason] = await theirs.event("close");
    assert.equal(`${code} ${reason}`, "4001 enough of that, tschüß");
  },

  async subprotocol() {
    const connection = await Connection.open("/echo", { protocols: ["superchat", "chat.v1"] });
    assert.equal(connection.socket.protocol, "chat.v1");
    await connection.echoes("hello");
    await connection.end();
  },

  async broadcast() {
    const one = await Connection.open("/broadcast");
    await one.echoes("first");
    const two = await Connection.open("/broadcast");
    await two.echoes("second");
    await one.hears("second");
    await one.echoes("third");
    await two.hears("third");
    await one.end();
    await two.end();
  },

  async secure() {
    const stranger = new WebSocket(`${uri}/echo`, { agent: agent({}) });
    const [error] = await once(stranger, "error");
    assert.match(error.code, /CERT|ISSUER|VERIFY/);
    await checks.messages();
  },

  async quiet() {
    const silent = await Connection.open("/silent");
    const beating = await Connection.open("/heartbeat");
    await sleep(QUIET);
    assert.ok(silent.happened, "the proxy did not cut the silent connection");
    await silent.event("close");
    await beating.echoes("still here");
    await beating.end();
  },
};

setTimeout(() => {
  console.log("it takes too long");
  process.exit(1);
}, PATIENCE).unref();

await checks[check]();
console.log("ok");

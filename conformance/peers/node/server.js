// Node's `ws` as a server for our client: ../README.md says what each path does.

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { parseArgs } from "node:util";

import { WebSocketServer } from "ws";

/** Above what our client takes, so that it is the one to refuse. */
const MAX_PAYLOAD = 64 << 20;

const { values: files } = parseArgs({
  options: { "tls-cert": { type: "string" }, "tls-key": { type: "string" } },
});

const server = files["tls-cert"]
  ? https.createServer({
      cert: readFileSync(files["tls-cert"]),
      key: readFileSync(files["tls-key"]),
    })
  : http.createServer();

const sockets = new WebSocketServer({
  server,
  maxPayload: MAX_PAYLOAD,
  perMessageDeflate: true,
  handleProtocols: (offered) => ["chat.v2", "chat.v1"].find((name) => offered.has(name)) ?? false,
});

/** What the last client of `/farewell` closed with. */
let seen = withResolvers();

const paths = {
  "/echo": (socket) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  },
  "/fragments": (socket) => {
    socket.on("message", (data, binary) => {
      const third = Math.ceil(data.length / 3);
      socket.send(data.subarray(0, third), { binary, fin: false });
      socket.send(data.subarray(third, 2 * third), { binary, fin: false });
      socket.send(data.subarray(2 * third), { binary, fin: true });
    });
  },
  "/ping": (socket) => {
    socket.on("pong", (payload) => socket.send(`pong: ${payload}`));
    socket.ping("are you there");
  },
  "/close": (socket) => {
    socket.close(4001, "enough of that, tschüß");
  },
  "/farewell": (socket) => {
    const current = (seen = withResolvers());
    paths["/echo"](socket);
    socket.on("close", (code, reason) => current.resolve(`${code} ${reason}`));
  },
  "/seen": async (socket) => {
    socket.send(await seen.promise);
  },
};

sockets.on("connection", (socket, request) => {
  socket.on("error", (error) => console.log(error.message));
  paths[request.url](socket);
});

server.listen(0, "127.0.0.1", () => {
  const scheme = files["tls-cert"] ? "https" : "http";
  console.log(`listening on ${scheme}://127.0.0.1:${server.address().port}`);
});

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

// `node ws.js PORT [--deflate no-takeover|takeover] [--tls-cert FILE --tls-key FILE]`: what
// `everwire serve` offers at /echo and /broadcast, on ws, with bufferutil as its README advises for
// speed.

import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { readFileSync } from "node:fs";
import { WebSocket, WebSocketServer } from "ws";

import { options } from "./options.js";

const { port, deflate, cert, key } = options(process.argv.slice(2));
const server = cert
  ? createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) })
  : createServer();
const settings = {
  server,
  maxPayload: 16 * 1024 * 1024,
  // Level and threshold are Everwire's.
  perMessageDeflate: deflate && {
    threshold: 128,
    zlibDeflateOptions: { level: 1 },
    serverNoContextTakeover: deflate === "no-takeover",
    clientNoContextTakeover: deflate === "no-takeover",
  },
};
const sockets = new WebSocketServer(settings);
const room = new Set();

sockets.on("connection", (socket, request) => {
  // A connection that fails is the client's business.
  socket.on("error", () => {});
  if (request.url === "/broadcast") {
    room.add(socket);
    socket.on("close", () => room.delete(socket));
    socket.on("message", (data, binary) => {
      for (const member of room) {
        if (member.readyState === WebSocket.OPEN) {
          member.send(data, { binary });
        }
      }
    });
  } else {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  }
});
server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});

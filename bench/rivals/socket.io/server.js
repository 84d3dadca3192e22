// `node server.js PORT`: what `everwire serve` offers at /broadcast, on Socket.IO: its event called
// message goes to everyone. WebSockets only, with bufferutil as its documentation advises for speed.

import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
const server = createServer();
const io = new Server(server, {
  path: "/broadcast/",
  transports: ["websocket"],
  serveClient: false,
  maxHttpBufferSize: 16 * 1024 * 1024,
});

io.on("connection", (socket) => {
  socket.on("message", (data) => io.emit("message", data));
});
server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});

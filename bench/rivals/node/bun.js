// `bun bun.js PORT [--deflate no-takeover|takeover] [--tls-cert FILE --tls-key FILE]`: what
// `everwire serve` offers at /echo and /broadcast, on Bun's own server, which has uWebSockets inside.

import { options } from "./options.js";

const { port, deflate, cert, key } = options(process.argv.slice(2));
// How strongly it compresses cannot be set; a shared compressor is one without context takeover.
const compressor = deflate === "takeover" ? "dedicated" : "shared";

const server = Bun.serve({
  port,
  hostname: "127.0.0.1",
  tls: cert && { cert: Bun.file(cert), key: Bun.file(key) },
  fetch(request, server) {
    const data = { broadcast: new URL(request.url).pathname === "/broadcast" };
    return server.upgrade(request, { data }) ? undefined : new Response(null, { status: 400 });
  },
  websocket: {
    maxPayloadLength: 16 * 1024 * 1024,
    perMessageDeflate: deflate ? { compress: compressor, decompress: compressor } : false,
    open(socket) {
      if (socket.data.broadcast) {
        socket.subscribe("broadcast");
      }
    },
    message(socket, message) {
      if (socket.data.broadcast) {
        server.publish("broadcast", message, Boolean(deflate));
      } else {
        socket.send(message, Boolean(deflate));
      }
    },
  },
});
console.log(`listening on ${server.port}`);

"""Python's `websockets` as a server for our client: ../README.md says what each path does."""

import argparse
import asyncio
import contextlib
import ssl

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError

# Above what our client takes, so that it is the one to refuse.
MAX_SIZE = 64 << 20


class Farewell:
    """What the last client of `/farewell` closed with."""

    def __init__(self):
        self.seen = asyncio.Future()


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def fragments(socket):
    while True:
        received = [fragment async for fragment in socket.recv_streaming()]
        # The client's own fragments have to arrive as such.
        assert len([fragment for fragment in received if fragment]) == 3, received
        await socket.send(received)


async def ping(socket):
    pong = await socket.ping("are you there")
    await pong
    await socket.send("pong: are you there")
    await socket.wait_closed()


async def close(socket):
    await socket.close(4001, "enough of that, tschüß")


async def farewell(socket, last):
    last.seen = asyncio.Future()
    with contextlib.suppress(ConnectionClosedError):
        await echo(socket)
    last.seen.set_result(f"{socket.close_code} {socket.close_reason}")


async def seen(socket, last):
    await socket.send(await last.seen)
    await socket.wait_closed()


def select(_, offered):
    # The list that `serve` takes would make one mandatory.
    return next((name for name in ("chat.v2", "chat.v1") if name in offered), None)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    files = parser.parse_args()
    tls = None
    if files.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(files.tls_cert, files.tls_key)

    last = Farewell()
    paths = {
        "/echo": echo,
        "/fragments": fragments,
        "/ping": ping,
        "/close": close,
        "/farewell": lambda socket: farewell(socket, last),
        "/seen": lambda socket: seen(socket, last),
    }

    async def answer(socket):
        await paths[socket.request.path](socket)

    server = await serve(
        answer,
        "127.0.0.1",
        0,
        ssl=tls,
        select_subprotocol=select,
        max_size=MAX_SIZE,
        # Heartbeats are the client's.
        ping_interval=None,
    )
    port = server.sockets[0].getsockname()[1]
    print(f"listening on {'https' if tls else 'http'}://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())

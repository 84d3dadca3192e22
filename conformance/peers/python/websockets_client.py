"""Python's `websockets` as a client of our server: ../README.md says what each check is."""

import argparse
import asyncio
import os
import ssl

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

LIMIT = 16 << 20
QUIET = 12
PATIENCE = 30


class Target:
    """Our server."""

    def __init__(self, uri, ca, proxy):
        self.uri = uri
        self.ca = ca
        self.proxy = proxy

    def open(self, path, *, trust=True, **options):
        if self.uri.startswith("wss:"):
            options["ssl"] = ssl.create_default_context(cafile=self.ca if trust else None)
        return connect(
            self.uri + path,
            proxy=self.proxy,
            max_size=64 << 20,
            # Heartbeats are the server's.
            ping_interval=None,
            **options,
        )


async def echoes(socket, message):
    await socket.send(message)
    await hears(socket, message)


async def hears(socket, message):
    heard = await socket.recv()
    assert type(heard) is type(message), f"{type(heard)} came back"
    assert heard == message, "what came back is something else"


async def compressible(socket):
    text = "The quick brown fox jumps over the lazy dog. " * 1000
    for _ in range(3):
        await echoes(socket, text)
        await echoes(socket, text.encode())
        await echoes(socket, "short")
    await echoes(socket, os.urandom(100_000))


async def messages(target):
    async with target.open("/echo") as socket:
        await echoes(socket, "grüße, 世界 👋")
        await echoes(socket, bytes(range(256)))
    assert socket.close_code == 1000, socket.close_code


async def empty(target):
    async with target.open("/echo") as socket:
        await echoes(socket, "")
        await echoes(socket, b"")
        await echoes(socket, "something")


async def fragments(target):
    async with target.open("/fragments") as socket:
        for sent in (["grü", "ße, ", "世界 👋"], [b"one", b"two", b"three"]):
            await socket.send(sent)
            heard = [fragment async for fragment in socket.recv_streaming()]
            assert len([fragment for fragment in heard if fragment]) > 1, "one fragment"
            assert type(sent[0])().join(heard) == type(sent[0])().join(sent), heard


async def large(target):
    async with target.open("/echo") as socket:
        await echoes(socket, os.urandom(LIMIT))
    # Compressed it is refused by what comes out, otherwise by its header.
    for compression in ("deflate", None):
        # Left without `async with`, whose end trips over a transport that is gone already.
        socket = await target.open("/echo", compression=compression)
        try:
            await socket.send(os.urandom(LIMIT + 1))
            await socket.recv()
        except ConnectionClosedError as error:
            assert error.rcvd is not None, f"no close frame: {error}"
            assert error.rcvd.code == 1009, error
            assert error.rcvd.reason, "no reason"
        else:
            raise AssertionError("it came through")


async def deflate(target):
    async with target.open("/echo") as socket:
        assert extensions(socket).startswith("permessage-deflate"), extensions(socket)
        await compressible(socket)


async def takeover(target):
    async with target.open("/echo") as socket:
        assert extensions(socket).startswith("permessage-deflate"), extensions(socket)
        assert "no_context_takeover" not in extensions(socket), extensions(socket)
        await compressible(socket)


async def plain(target):
    async with target.open("/echo", compression=None) as socket:
        assert extensions(socket) == "", extensions(socket)
        await compressible(socket)


def extensions(socket):
    return socket.response.headers.get("Sec-WebSocket-Extensions", "")


async def ping(target):
    async with target.open("/echo") as socket:
        pong = await socket.ping("are you there")
        await pong
    async with target.open("/ping") as socket:
        await hears(socket, "pong: are you there")


async def close(target):
    async with target.open("/farewell") as socket:
        await echoes(socket, "hello")
        await socket.close(3001, "done for today, tschüß")
    async with target.open("/seen") as socket:
        await hears(socket, "3001 done for today, tschüß")
    async with target.open("/close") as socket:
        await socket.wait_closed()
        assert socket.close_code == 4001, socket.close_code
        assert socket.close_reason == "enough of that, tschüß", socket.close_reason


async def subprotocol(target):
    async with target.open("/echo", subprotocols=["superchat", "chat.v1"]) as socket:
        assert socket.subprotocol == "chat.v1", socket.subprotocol
        await echoes(socket, "hello")


async def broadcast(target):
    async with target.open("/broadcast") as one:
        await echoes(one, "first")
        async with target.open("/broadcast") as two:
            await echoes(two, "second")
            await hears(one, "second")
            await echoes(one, "third")
            await hears(two, "third")


async def secure(target):
    try:
        async with target.open("/echo", trust=False):
            raise AssertionError("connected without the certificate authority")
    except ssl.SSLCertVerificationError:
        pass
    await messages(target)


async def quiet(target):
    async with target.open("/silent") as silent, target.open("/heartbeat") as beating:
        await asyncio.sleep(QUIET)
        assert silent.state is State.CLOSED, "the proxy did not cut the silent connection"
        await echoes(beating, "still here")


CHECKS = [messages, empty, fragments, large, deflate, takeover, plain, ping, close, subprotocol]
CHECKS += [broadcast, secure, quiet]


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("check")
    parser.add_argument("--ca")
    parser.add_argument("--proxy")
    args = parser.parse_args()
    checks = {check.__name__: check for check in CHECKS}
    async with asyncio.timeout(PATIENCE):
        await checks[args.check](Target(args.uri, args.ca, args.proxy))
    print("ok")


asyncio.run(main())

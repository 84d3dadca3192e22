"""What each path of the server does. The names of the functions are pywebsocket3's."""

import queue

SUBPROTOCOLS = ["chat.v2", "chat.v1"]

# What the last client of `/farewell` closed with.
last = queue.Queue(1)


def web_socket_do_extra_handshake(request):
    # It has no way to decline all that is offered.
    offered = request.ws_requested_protocols or []
    request.ws_protocol = next((name for name in SUBPROTOCOLS if name in offered), None)


def web_socket_transfer_data(request):
    habits = {
        "/echo": echo,
        "/fragments": fragments,
        "/ping": ping,
        "/close": close,
        "/farewell": farewell,
        "/seen": seen,
    }
    habits[request.ws_resource](request)


def web_socket_passive_closing_handshake(request):
    return request.ws_close_code, request.ws_close_reason


def echo(request):
    for message in messages(request):
        request.ws_stream.send_message(message, binary=isinstance(message, bytes))


def messages(request):
    while (message := request.ws_stream.receive_message()) is not None:
        yield message


def fragments(request):
    for message in messages(request):
        binary, third = isinstance(message, bytes), len(message) // 3
        request.ws_stream.send_message(message[:third], end=False, binary=binary)
        request.ws_stream.send_message(message[third : 2 * third], end=False, binary=binary)
        request.ws_stream.send_message(message[2 * third :], end=True, binary=binary)


def ping(request):
    def tell(request, payload):
        request.ws_stream.send_message(f"pong: {payload.decode()}")

    request.on_pong_handler = tell
    request.ws_stream.send_ping("are you there")
    echo(request)


def close(request):
    request.ws_stream.close_connection(4001, "enough of that, tschüß")


def farewell(request):
    while not last.empty():
        last.get_nowait()
    echo(request)
    last.put(f"{request.ws_close_code} {request.ws_close_reason}", timeout=10)


def seen(request):
    request.ws_stream.send_message(last.get(timeout=10))
    echo(request)

"""`pywebsocket3` as a server for our client: ../README.md says what each path does.

It finds its handlers by file; ours are in one, `pywebsocket3_handlers/habit_wsh.py`.
"""

import argparse
import logging
import pathlib

from pywebsocket3.websocket_server import WebSocketServer

PATHS = ["/echo", "/fragments", "/ping", "/close", "/farewell", "/seen"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    files = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    handlers = pathlib.Path(__file__).with_name("pywebsocket3_handlers")
    options = argparse.Namespace(
        server_host="127.0.0.1",
        port=0,
        validation_host=None,
        validation_port=None,
        websock_handlers=str(handlers),
        scan_dir=str(handlers),
        allow_handlers_outside_root_dir=False,
        websock_handlers_map_file=None,
        document_root=str(handlers),
        cgi_directories=[],
        is_executable_method=None,
        request_queue_size=128,
        use_basic_auth=False,
        use_tls=files.tls_cert is not None,
        certificate=files.tls_cert,
        private_key=files.tls_key,
        tls_client_auth=False,
        tls_client_ca=None,
    )
    server = WebSocketServer(options)
    for path in PATHS:
        options.dispatcher.add_resource_path_alias(path, "/habit")
    scheme = "https" if options.use_tls else "http"
    print(f"listening on {scheme}://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


main()

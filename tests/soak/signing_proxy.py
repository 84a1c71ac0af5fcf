"""A proxy that signs requests, so that programs without our signature can try a server."""

import http.client
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from ccfs.protocol import signature
from tests.api.api_client import ApiClient
from tests.ports import get_free_port

HOP_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "authorization"})


class SigningHandler(BaseHTTPRequestHandler):
    """Forwards a request to the server, signed by the client's key."""

    protocol_version = "HTTP/1.1"
    client: ApiClient
    statuses: Counter[int]

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        path, _, query = self.path.partition("?")
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "x").strip() or "x"
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        signed = {"host": self.client.server.host, "content-type": kind, "content-length": str(len(body))}
        request = signature.SignedRequest(method=self.command, path=path, query=query, headers=signed, body=body)
        headers |= signed | {"Authorization": self.client.build_authorization(request)}
        upstream = http.client.HTTPConnection("127.0.0.1", self.client.server.port, timeout=60)
        try:
            upstream.request(self.command, self.path, body, headers)
            response = upstream.getresponse()
            self.statuses[response.status] += 1
            self._answer(response, response.read())
        finally:
            upstream.close()

    def _answer(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date"):
                self.send_header(name, value)
        length = response.headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("content-length", length or str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Forward every method, known or not."""
        if name.startswith("do_"):
            return self._forward
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


@contextmanager
def run_signing_proxy(client: ApiClient) -> Iterator[tuple[int, Counter[int]]]:
    """Run the proxy; yield its port and the statuses of the server's responses."""
    statuses: Counter[int] = Counter()
    handler = type("Handler", (SigningHandler,), {"client": client, "statuses": statuses})
    server = ThreadingHTTPServer(("127.0.0.1", get_free_port()), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], statuses
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

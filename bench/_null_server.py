"""A minimal server behind nginx, as an upper bound for ccfs: it checks nothing and returns the file that the body names."""

import asyncio
import json
import sys

from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import HttpLimits
from ccfs.http_server.processes.listener import bind_socket, start_listening
from ccfs.http_server.processes.worker import run_application

MAX_BODY_BYTES = 1 << 16


class NullApplication:
    """Responds with an X-Accel-Redirect to the file that the body names."""

    def prepare_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the loop as it is."""

    async def handle(self, exchange: Exchange) -> None:
        """Send the redirect."""
        body = await exchange.read_body(MAX_BODY_BYTES)
        name = json.loads(body)["msgBody"]["fileName"].rpartition("/")[2] if body else ""
        path = f"/ccfs-files/0/1/bench/{name}"
        exchange.send_empty(200, [("content-length", "0"), *([("x-accel-redirect", path)] if name else [])])

    def record_connections(self, count: int) -> None:
        """Count nothing."""

    def record_closed_connection(self, reason: str) -> None:
        """Count nothing."""


if __name__ == "__main__":
    listener = bind_socket("127.0.0.1", int(sys.argv[1]))
    start_listening(listener)
    run_application(NullApplication(), listener, HttpLimits(), None, 1)

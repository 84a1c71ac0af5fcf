"""A callback receiver in a process: it appends each callback to a journal and rejects one in ten."""

import json
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.ports import get_free_port


class CallbackHandler(BaseHTTPRequestHandler):
    """The receiver: it stores each callback before it responds, and rejects one in ten."""

    protocol_version = "HTTP/1.1"
    journal: Path

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        line = json.dumps([self.headers["webhook-id"], body["msgBody"]["responseId"], body["msgBody"]["billFileName"]])
        with open(self.journal, "a") as journal:
            journal.write(line + "\n")
        is_rejected = random.random() < 0.1
        response = b'{"resultCode":"1"}' if is_rejected else b'{"resultCode":"0"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


def serve_callbacks(journal: Path, port: int) -> None:
    """Receive callbacks until this process is killed."""
    CallbackHandler.journal = journal
    CallbackHandler.timeout = 30
    server = ThreadingHTTPServer(("127.0.0.1", port), CallbackHandler)
    server.daemon_threads = True
    server.serve_forever()


@contextmanager
def run_callback_receiver(journal: Path) -> Iterator[int]:
    """Run a receiver in a process; yield its port."""
    journal.touch()
    port = get_free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve_callbacks, args=(journal, port), daemon=True)
    process.start()
    try:
        yield port
    finally:
        process.kill()
        process.join()

"""The first code of a web process, which the main process names without importing the application."""

import socket

from ccfs.http_server.processes.tls import TlsFiles


def run_web_process(listener: socket.socket, tls: TlsFiles | None, drain_seconds: float) -> None:
    """Serve the socket's connections, with the settings of the environment, until SIGTERM."""
    from ccfs.server.web_process import serve_requests  # the application, which the main process does not need

    serve_requests(listener, tls, drain_seconds)

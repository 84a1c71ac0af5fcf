"""The event loop of one web process: from the listening socket to the end of the drain."""

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvloop

from ccfs.http_server.connections.connection import Connection
from ccfs.http_server.limits import HttpLimits
from ccfs.http_server.processes.loop_watch import LoopWatch
from ccfs.http_server.processes.memory import limit_arenas
from ccfs.http_server.processes.tls import CHECK_SECONDS, CertificateReloader, TlsFiles, build_context
from ccfs.http_server.server import Application, HttpServer
from ccfs.logs import get_logger


def run_application(
    application: Application, listener: socket.socket, limits: HttpLimits, tls: TlsFiles | None, drain_seconds: float
) -> None:
    """Serve until SIGTERM, then drain. SIGINT and SIGHUP are for the main process, which sends SIGTERM."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    limit_arenas()
    fitting = limits.fit_to_descriptors(raise_descriptor_limit())
    if fitting is not limits:
        get_logger().warning(
            "the limit of open files allows fewer connections",
            action="connections_limited",
            connections=fitting.max_connections,
            configured=limits.max_connections,
        )
    uvloop.run(_serve(application, listener, fitting, tls, drain_seconds))


async def _serve(
    application: Application, listener: socket.socket, limits: HttpLimits, tls: TlsFiles | None, drain_seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    application.prepare_loop(loop)
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    ssl_context = build_context(tls) if tls else None
    server = HttpServer(application, limits, ssl_context)
    if limits.slow_step_seconds:
        server.connection_class = LoopWatch(loop, limits.slow_step_seconds).watch_callbacks(Connection)
    server.start(listener)
    if tls and ssl_context:
        _check_certificate(loop, CertificateReloader(ssl_context, tls).reload_if_changed)
    await stopping.wait()
    await server.drain(drain_seconds)


def _check_certificate(loop: asyncio.AbstractEventLoop, check: Callable[[], bool]) -> None:
    check()
    loop.call_later(CHECK_SECONDS, _check_certificate, loop, check)


def raise_descriptor_limit() -> int:
    """Allow as many descriptors as an ordinary process may have, and return how many. The soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft

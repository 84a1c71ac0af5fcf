"""ccfs serve: the web processes and the work loop of one node; SIGTERM drains."""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.mp import MPServer

from ccfs import logs
from ccfs.cli.common import DataFolder, open_node
from ccfs.cli.users import link_for
from ccfs.logs import log
from ccfs.model.errors import Misuse
from ccfs.node import Node, now
from ccfs.node import work as parts
from ccfs.store import users
from ccfs.work.count import count
from ccfs.work.heart import Heart
from ccfs.work.loop import Loop
from ccfs.work.tidy import forget_selections, tidy
from ccfs.work.worker import Worker

_ANYWHERE = ("0.0.0.0", "::")  # addresses to listen at that nobody can reach
TIDY_SECONDS = 30.0
MOVE_SECONDS = 30.0
SWEEP_SECONDS = 3600.0
COUNT_SECONDS = 5
SILENCE_SECONDS = 300.0  # of the database, after which work gives up what it does: more than any one question takes
LEFT_BEHIND_SECONDS = 3600.0  # temporary files of killed processes are removed when they are older
MAKERS = 2  # exports made side by side
DRAIN_SECONDS = 8  # a transfer that lasts longer after SIGTERM is cut, and resumed by Range elsewhere
FINISH_SECONDS = 3.0
# So long, once the web processes have drained, may callbacks take that are under way. Receivers that are well answer in
# less. What takes longer (an exchange may last 30 s) is recorded as "cut off: this node stopped" and is due again at once,
# for another node or the next start; its receiver may hear it twice, under the same id. It is no longer because whoever
# stops a node kills it before long. If that comes first, no row tells of the attempt, and the lease has to end.


def serve(
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT")] = "127.0.0.1:8480",
    demo: Annotated[bool, typer.Option("--demo", help="Make a demo app with a day of calls, once.")] = False,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="F", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="F", help="Its private key, PEM.")] = None,
    data: DataFolder = None,
) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    host, port = _address(listen)
    node = open_node(data)
    logs.prepare()
    node.database.is_ready()
    node.database.patience.seconds = SILENCE_SECONDS
    url = f"{'https' if tls_cert else 'http'}://{_reachable(host)}:{port}"
    if demo:
        from ccfs.cli.demo import prepare_demo  # speaks and takes calls in, with codecs that serving needs not

        print(prepare_demo(node, url), flush=True)
    elif node.settings.console:
        _welcome(node, url)
    if node.settings.workers > 1:
        _share_metrics(node)
    multiprocessing.set_start_method("spawn")  # a forked web process would inherit this one's database connections
    heart = parts.heart(node, "" if host in _ANYWHERE else f"{'https' if tls_cert else 'http'}://{listen}")
    heart.begin()
    with _working(node, heart):
        _server(node, host, port, tls_cert, tls_key).serve()
    node.database.close()


def _welcome(node: Node, url: str) -> None:
    """Who starts a node that has no operator gets a link that makes one."""
    with node.database.reading() as connection:
        is_there = users.has_operator(connection)
    if not is_there:
        print(
            f"\nThe console has nobody yet. Make its first operator, once, at\n  {link_for(node, None, url)}\n",
            flush=True,
        )


@contextmanager
def _working(node: Node, heart: Heart) -> Iterator[None]:
    """What takes time, in threads of this process: the web processes are others."""
    if node.settings.ssl_trust_all:
        log().warning("certificates of callback receivers are not verified", action="ssl_trust_all")
    announcer = parts.announcer(node, heart)
    makers: list[Worker] = [parts.maker(node, heart, announcer.wake) for _ in range(MAKERS)]
    makers.append(parts.gatherer(node, heart))
    moving = Loop([("move", lambda: _move(node, heart, moving))], MOVE_SECONDS)
    tidying = Loop([("tidy", lambda: _tidy(node, tidying)), ("keep", parts.keeper(node))], TIDY_SECONDS)
    sweeping = Loop([("sweep", lambda: _sweep(node))], SWEEP_SECONDS)
    counting = Loop([("count", lambda: count(node.database, now, counting.is_stopped))], COUNT_SECONDS)
    loops = [Loop([("beat", heart.beat)], heart.seconds), tidying, moving, sweeping, counting]
    announcer.start()
    for loop in loops:
        loop.start()
    for maker in makers:
        maker.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        for maker in makers:
            maker.stop()
        announcer.stop(FINISH_SECONDS)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"--listen {listen} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _tidy(node: Node, loop: Loop) -> None:
    parts.mover(node, loop.is_stopped).sweep()
    lock_period = timedelta(seconds=node.settings.lock_period_seconds)
    keep = timedelta(days=node.settings.export_keep_days)
    tidy(node.database, node.locations, now(), lock_period, keep, node.locations.far())
    forget_selections(node.database, now() - timedelta(hours=node.settings.take_keep_hours))


def _sweep(node: Node) -> None:
    """What killed processes of this node left; a location that is away keeps nobody from serving the others."""
    for location_id in node.locations:
        try:
            node.locations[location_id].sweep(LEFT_BEHIND_SECONDS)
        except OSError as error:
            log().warning("not swept", action="sweep_failed", location=location_id, reason=str(error))


def _move(node: Node, heart: Heart, loop: Loop) -> None:
    """Older bytes go to the location that is set for them, if one is."""
    set_to, home, mover = node.settings, node.home.location_id, parts.mover(node, loop.is_stopped)
    if heart.is_draining or not set_to.tier_to or set_to.tier_to == home:
        return
    try:
        moved = mover.move(home, set_to.tier_to, now() - timedelta(days=set_to.tier_after_days))
    except OSError as error:
        log().warning("not moved", action="move_failed", reason=str(error))
        return
    if moved.files or moved.missing or moved.damaged:
        log().info("moved", action="moved", files=moved.files, bytes=moved.size, to=set_to.tier_to, left=moved.left)
    for key in (*moved.missing, *moved.damaged):
        log().error("bytes are gone or damaged", action="bytes_lost", location=home, key=key)


def _share_metrics(node: Node) -> None:
    """Several web processes count into files of one folder, so that any of them can answer for all."""
    folder = node.settings.data / "metrics"
    folder.mkdir(exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _server(node: Node, host: str, port: int, cert: Path | None, key: Path | None) -> MPServer:
    if cert and key and not (cert.is_file() and key.is_file()):
        raise Misuse(f"there is no file {cert if not cert.is_file() else key}")
    print(f"ccfs listens on {_reachable(host)}:{port}", file=sys.stderr, flush=True)
    return MPServer(
        "ccfs.node.web:web",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        factory=True,
        workers=node.settings.workers,
        websockets=False,
        http=HTTPModes.auto,
        log_access=False,
        log_dictconfig=logs.for_server(),
        ssl_cert=cert,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,  # public clients of CC-FS pin TLS 1.2
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
    )

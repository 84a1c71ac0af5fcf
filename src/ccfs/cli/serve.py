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
from ccfs.cli.common import DataFolderOption, open_node
from ccfs.cli.users import create_setup_link
from ccfs.db.system import users
from ccfs.logs import get_logger
from ccfs.model.errors import OperatorError
from ccfs.server import worker_process as parts
from ccfs.server.node import Node, utc_now
from ccfs.workers.base import Worker
from ccfs.workers.heartbeat import Heartbeat
from ccfs.workers.loop import WorkLoop
from ccfs.workers.maintenance.cleanup import delete_old_bulk_downloads, run_cleanup
from ccfs.workers.maintenance.statistics import update_statistics

_WILDCARD_HOSTS = ("0.0.0.0", "::")  # addresses to listen at that nobody can reach
CLEANUP_INTERVAL_SECONDS = 30.0
MOVE_INTERVAL_SECONDS = 30.0
PARTIAL_UPLOAD_SCAN_SECONDS = 3600.0
STATISTICS_INTERVAL_SECONDS = 5
DATABASE_READ_TIMEOUT_SECONDS = (
    300.0  # of the database, after which work gives up what it does: more than any one question takes
)
PARTIAL_UPLOAD_MAX_AGE_SECONDS = 3600.0  # temporary files of killed processes are removed when they are older
EXPORT_WORKERS = 2  # exports made side by side
DRAIN_TIMEOUT_SECONDS = 8  # a transfer that lasts longer after SIGTERM is cut, and resumed by Range elsewhere
CALLBACK_GRACE_SECONDS = 3.0
# So long, once the web processes have drained, may callbacks take that are under way. Receivers that are well answer in
# less. What takes longer (an exchange may last 30 s) is recorded as "cut off: this node stopped" and is due again at once,
# for another node or the next start; its receiver may hear it twice, under the same id. It is no longer because whoever
# stops a node kills it before long. If that comes first, no row tells of the attempt, and the lease has to end.


def serve(
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT")] = "127.0.0.1:8480",
    demo: Annotated[bool, typer.Option("--demo", help="Make a demo app with a day of calls, once.")] = False,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="F", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="F", help="Its private key, PEM.")] = None,
    data: DataFolderOption = None,
) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    host, port = _parse_listen_address(listen)
    node = open_node(data)
    logs.configure_logging()
    node.database.is_ready()
    node.database.read_timeout.seconds = DATABASE_READ_TIMEOUT_SECONDS
    url = f"{'https' if tls_cert else 'http'}://{_get_reachable_host(host)}:{port}"
    if demo:
        from ccfs.cli.demo import prepare_demo  # speaks and takes calls in, with codecs that serving needs not

        print(prepare_demo(node, url), flush=True)
    elif node.settings.console:
        _print_setup_link(node, url)
    if node.settings.workers > 1:
        _prepare_metrics_folder(node)
    multiprocessing.set_start_method("spawn")  # a forked web process would inherit this one's database connections
    heart = parts.build_heartbeat(
        node, "" if host in _WILDCARD_HOSTS else f"{'https' if tls_cert else 'http'}://{listen}"
    )
    heart.register()
    with _run_workers(node, heart):
        _build_server(node, host, port, tls_cert, tls_key).serve()
    node.database.close()


def _print_setup_link(node: Node, url: str) -> None:
    """Who starts a node that has no operator gets a link that makes one."""
    with node.database.read_transaction() as connection:
        is_there = users.has_operator(connection)
    if not is_there:
        print(
            f"\nThe console has nobody yet. Make its first operator, once, at\n  {create_setup_link(node, None, url)}\n",
            flush=True,
        )


@contextmanager
def _run_workers(node: Node, heart: Heartbeat) -> Iterator[None]:
    """What takes time, in threads of this process: the web processes are others."""
    if node.settings.ssl_trust_all:
        get_logger().warning("certificates of callback receivers are not verified", action="ssl_trust_all")
    announcer = parts.build_callback_worker(node, heart)
    makers: list[Worker] = [parts.build_export_worker(node, heart, announcer.wake) for _ in range(EXPORT_WORKERS)]
    makers.append(parts.build_bulk_download_worker(node, heart))
    moving = WorkLoop([("move", lambda: _move_to_tier(node, heart, moving))], MOVE_INTERVAL_SECONDS)
    tidying = WorkLoop(
        [("tidy", lambda: _clean_up(node, tidying)), ("keep", parts.build_retention_job(node))],
        CLEANUP_INTERVAL_SECONDS,
    )
    sweeping = WorkLoop([("sweep", lambda: _delete_partial_uploads(node))], PARTIAL_UPLOAD_SCAN_SECONDS)
    counting = WorkLoop(
        [("count", lambda: update_statistics(node.database, utc_now, counting.is_stopped))], STATISTICS_INTERVAL_SECONDS
    )
    loops = [WorkLoop([("beat", heart.beat)], heart.interval_seconds), tidying, moving, sweeping, counting]
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
        announcer.stop(CALLBACK_GRACE_SECONDS)


def _parse_listen_address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"--listen {listen} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _get_reachable_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _clean_up(node: Node, loop: WorkLoop) -> None:
    parts.build_mover(node, loop.is_stopped).delete_orphans()
    lock_period = timedelta(seconds=node.settings.lock_period_seconds)
    keep = timedelta(days=node.settings.export_retention_days)
    run_cleanup(node.database, node.locations, utc_now(), lock_period, keep, node.locations.list_remote_ids())
    delete_old_bulk_downloads(node.database, utc_now() - timedelta(hours=node.settings.bulk_download_retention_hours))


def _delete_partial_uploads(node: Node) -> None:
    """What killed processes of this node left; a location that is away keeps nobody from serving the others."""
    for location_id in node.locations:
        try:
            node.locations[location_id].delete_partial_uploads(PARTIAL_UPLOAD_MAX_AGE_SECONDS)
        except OSError as error:
            get_logger().warning("not swept", action="sweep_failed", location=location_id, reason=str(error))


def _move_to_tier(node: Node, heart: Heartbeat, loop: WorkLoop) -> None:
    """Older bytes go to the location that is set for them, if one is."""
    set_to, home, mover = node.settings, node.primary_location.location_id, parts.build_mover(node, loop.is_stopped)
    if heart.is_draining or not set_to.tier_to or set_to.tier_to == home:
        return
    try:
        moved = mover.move(home, set_to.tier_to, utc_now() - timedelta(days=set_to.tier_after_days))
    except OSError as error:
        get_logger().warning("not moved", action="move_failed", reason=str(error))
        return
    if moved.files or moved.missing or moved.damaged:
        get_logger().info(
            "moved", action="moved", files=moved.files, bytes=moved.size, to=set_to.tier_to, left=moved.skipped
        )
    for key in (*moved.missing, *moved.damaged):
        get_logger().error("bytes are gone or damaged", action="bytes_lost", location=home, key=key)


def _prepare_metrics_folder(node: Node) -> None:
    """Several web processes count into files of one folder, so that any of them can answer for all."""
    folder = node.settings.data / "metrics"
    folder.mkdir(exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _build_server(node: Node, host: str, port: int, cert: Path | None, key: Path | None) -> MPServer:
    if cert and key and not (cert.is_file() and key.is_file()):
        raise OperatorError(f"there is no file {cert if not cert.is_file() else key}")
    print(f"ccfs listens on {_get_reachable_host(host)}:{port}", file=sys.stderr, flush=True)
    return MPServer(
        "ccfs.server.web_process:create_web_app",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        factory=True,
        workers=node.settings.workers,
        websockets=False,
        http=HTTPModes.auto,
        log_access=False,
        log_dictconfig=logs.build_granian_config(),
        ssl_cert=cert,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,  # public clients of CC-FS pin TLS 1.2
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_TIMEOUT_SECONDS,
    )

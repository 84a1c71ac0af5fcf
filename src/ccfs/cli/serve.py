"""ccfs serve: the web processes and background workers of one node; SIGTERM drains."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ccfs import logs
from ccfs.cli.common import DataFolderOption, open_node
from ccfs.cli.users import create_setup_link
from ccfs.db.system.console import users
from ccfs.http_server.processes.listener import AddressUnavailable, bind_socket, start_listening
from ccfs.http_server.processes.stop_signals import StopSignals
from ccfs.http_server.processes.supervisor import Supervisor
from ccfs.http_server.processes.tls import TlsFiles, build_context
from ccfs.logs import get_logger
from ccfs.model.errors import OperatorError
from ccfs.server import worker_process
from ccfs.server.data_lock import lock_data_folder
from ccfs.server.node import Node, utc_now
from ccfs.server.node_keys import raise_if_keys_do_not_match
from ccfs.server.node_status import WRITE_SECONDS
from ccfs.server.unreadable_secrets import log_damaged_secrets
from ccfs.server.web_entry import run_web_process
from ccfs.workers.base import Worker
from ccfs.workers.heartbeat import Heartbeat
from ccfs.workers.loop import WorkLoop
from ccfs.workers.maintenance.cleanup import delete_old_bulk_downloads, repair_times, run_cleanup
from ccfs.workers.maintenance.clock_guard import ClockGuard
from ccfs.workers.maintenance.statistics import update_statistics

_WILDCARD_HOSTS = ("0.0.0.0", "::")  # not reachable under these addresses
METRICS_FOLDER = "metrics"  # in the data folder, of several web processes
CLEANUP_INTERVAL_SECONDS = 30.0
MOVE_INTERVAL_SECONDS = 30.0
PARTIAL_UPLOAD_SCAN_SECONDS = 3600.0
STATISTICS_INTERVAL_SECONDS = 5
DATABASE_CHECK_SECONDS = 86_400.0  # between two checks for damage
HEARTBEAT_MAX_SILENCE_SECONDS = 120.0  # longer than a writer waits for the database
DATABASE_READ_TIMEOUT_SECONDS = 300.0  # of workers; longer than any single query takes
PARTIAL_UPLOAD_MAX_AGE_SECONDS = 3600.0  # age at which temporary files of killed processes are deleted
EXPORT_WORKERS = 2  # concurrent exports
DRAIN_TIMEOUT_SECONDS = 8  # transfers that last longer after SIGTERM are aborted; clients resume them by Range
CALLBACK_GRACE_SECONDS = 3.0
# Grace period for callbacks in flight after the web processes have drained. Healthy receivers respond sooner. A longer
# exchange (up to 30 s) is recorded as "cut off: this node stopped" and is due again at once, on another node or at the next
# start; the receiver may get it twice under the same id. The period is short because supervisors send SIGKILL soon after
# SIGTERM. After SIGKILL no row records the attempt, and the lease has to expire.


def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address to listen on.")
    ] = "127.0.0.1:8480",
    demo: Annotated[bool, typer.Option("--demo", help="Create a demo app with a day of calls, once.")] = False,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="F", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="F", help="Private key of the certificate, PEM.")
    ] = None,
    data: DataFolderOption = None,
) -> None:
    """Run the server until SIGTERM, then drain it."""
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key require each other")
    host, port = _parse_listen_address(listen)
    tls = _check_tls_files(tls_cert, tls_key)
    node = open_node(data)
    logs.configure_logging()
    lock = lock_data_folder(node.settings.data, shared=node.settings.shared_data)
    with closing(_bind(host, port)) as listener:
        _serve(node, listener, host, listen, tls, demo=demo)
    os.close(lock)


def _serve(node: Node, listener: socket.socket, host: str, listen: str, tls: TlsFiles | None, *, demo: bool) -> None:
    node.database.is_ready()  # opens and upgrades the database
    raise_if_keys_do_not_match(node)
    log_damaged_secrets(node.database, node.secret_box)
    node.database.read_timeout.seconds = DATABASE_READ_TIMEOUT_SECONDS
    scheme, port = "https" if tls else "http", listener.getsockname()[1]
    url = f"{scheme}://{_get_reachable_host(host)}:{port}"
    if demo:
        from ccfs.cli.demo import prepare_demo  # imports codecs that serving does not need

        print(prepare_demo(node, url), flush=True)
    elif node.settings.console:
        _print_setup_link(node, url)
    if node.settings.workers > 1:
        _prepare_metrics_folder(node)
    supervisor = Supervisor(
        run_web_process,
        (listener, tls, DRAIN_TIMEOUT_SECONDS),
        node.settings.workers,
        DRAIN_TIMEOUT_SECONDS,
        on_stop=listener.close,
        on_death=lambda pid: _forget_gauges(node, pid),
    )
    heartbeat = worker_process.build_heartbeat(node, "" if host in _WILDCARD_HOSTS else f"{scheme}://{listen}")
    heartbeat.register()
    signals = StopSignals(lambda number: _end_at_once(supervisor, number))
    with _run_workers(node, heartbeat):
        _listen(listener)
        print(f"ccfs listens on {_get_reachable_host(host)}:{port}", file=sys.stderr, flush=True)
        supervisor.run(signals)
    node.database.close()


def _end_at_once(supervisor: Supervisor, number: int) -> None:
    """End after a second signal: whatever takes long is given up, and resumed by leases at the next start."""
    supervisor.kill()
    os._exit(128 + number)


def _bind(host: str, port: int) -> socket.socket:
    try:
        return bind_socket(host, port)
    except AddressUnavailable as error:
        raise OperatorError(str(error)) from None


def _listen(listener: socket.socket) -> None:
    try:
        start_listening(listener)
    except AddressUnavailable as error:
        raise OperatorError(str(error)) from None


def _check_tls_files(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """Return the files; raise OperatorError unless they are a certificate and its key."""
    if certificate is None or key is None:
        return None
    for path in (certificate, key):
        if not path.is_file():
            raise OperatorError(f"file not found: {path}")
    files = TlsFiles(certificate=str(certificate), key=str(key))
    try:
        build_context(files)
    except OSError as error:  # ssl.SSLError is one
        raise OperatorError(f"{certificate} and {key} are no certificate and its key: {error}") from None
    return files


def _print_setup_link(node: Node, url: str) -> None:
    """Print a link that creates the first operator, if there is none."""
    with node.database.read_transaction() as connection:
        has_operator = users.has_operator(connection)
    if not has_operator:
        print(
            f"\nThe console has no users yet. Create the first operator with this one-time link:\n"
            f"  {create_setup_link(node, None, url)}\n",
            flush=True,
        )


@contextmanager
def _run_workers(node: Node, heartbeat: Heartbeat) -> Iterator[None]:
    """Run the background workers in threads of this process; the web processes are separate."""
    if node.settings.ssl_trust_all:
        get_logger().warning("certificates of callback receivers are not verified", action="ssl_trust_all")
    callback_worker = worker_process.build_callback_worker(node, heartbeat)
    workers: list[Worker] = [
        worker_process.build_export_worker(node, heartbeat, callback_worker.wake) for _ in range(EXPORT_WORKERS)
    ]
    workers.append(worker_process.build_bulk_download_worker(node, heartbeat))
    workers.append(worker_process.build_report_worker(node, heartbeat))
    workers += worker_process.build_speech_workers(node, heartbeat)
    mover_loop = WorkLoop([("move_to_tier", lambda: _move_to_tier(node, heartbeat, mover_loop))], MOVE_INTERVAL_SECONDS)
    clocks = worker_process.build_clock_guard(node)
    cleanup_loop = WorkLoop(
        [
            ("shrink_wal", lambda: worker_process.shrink_wal(node)),
            ("repair_times", lambda: repair_times(node.database, heartbeat.now(), clocks)),
            ("cleanup", lambda: _clean_up(node, clocks, cleanup_loop)),
            ("retention", worker_process.build_retention_job(node, clocks)),
        ],
        CLEANUP_INTERVAL_SECONDS,
    )
    partial_upload_loop = WorkLoop(
        [("delete_partial_uploads", lambda: _delete_partial_uploads(node, clocks))], PARTIAL_UPLOAD_SCAN_SECONDS
    )
    statistics_loop = WorkLoop(
        [("statistics", lambda: update_statistics(node.database, utc_now, statistics_loop.is_stopped))],
        STATISTICS_INTERVAL_SECONDS,
    )
    check_loop = WorkLoop(
        [("check_database", lambda: worker_process.check_database(node, check_loop.is_stopped))], DATABASE_CHECK_SECONDS
    )
    location_loop = worker_process.build_location_loop(node)
    loops = [
        WorkLoop([("heartbeat", heartbeat.beat)], heartbeat.interval_seconds, HEARTBEAT_MAX_SILENCE_SECONDS),
        check_loop,
        cleanup_loop,
        location_loop,
        mover_loop,
        partial_upload_loop,
        statistics_loop,
    ]
    callback_worker.start()
    for loop in loops:
        loop.start()
    for worker in workers:
        worker.start()
    pulses = [*callback_worker.pulses, *(loop.pulse for loop in loops), *(worker.pulse for worker in workers)]
    status = worker_process.build_status_writer(node, pulses, clocks)
    status_loop = WorkLoop([("status", status)], WRITE_SECONDS)
    status_loop.start()
    try:
        yield
    finally:
        status_loop.stop()
        status.close()
        for loop in loops:
            loop.stop()
        for worker in workers:
            worker.stop()
        callback_worker.stop(CALLBACK_GRACE_SECONDS)


def _parse_listen_address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"--listen {listen} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _get_reachable_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _clean_up(node: Node, clocks: ClockGuard, loop: WorkLoop) -> None:
    now = clocks.get_safe_now()
    if now is None:
        return
    worker_process.build_mover(node, loop.is_stopped, now=lambda: now).delete_orphans()
    lock_period = timedelta(seconds=node.settings.lock_period_seconds)
    retention = timedelta(days=node.settings.export_retention_days)
    run_cleanup(node.database, node.locations, now, lock_period, retention, node.locations.list_remote_ids())
    delete_old_bulk_downloads(node.database, now - timedelta(hours=node.settings.bulk_download_retention_hours))


def _delete_partial_uploads(node: Node, clocks: ClockGuard) -> None:
    """Delete temporary files of killed processes of this node. An unavailable location does not affect the others."""
    if clocks.get_safe_now() is None:
        return
    for location_id in node.locations:
        try:
            node.locations[location_id].delete_partial_uploads(PARTIAL_UPLOAD_MAX_AGE_SECONDS)
        except OSError as error:
            get_logger().warning(
                "could not delete partial uploads",
                action="partial_upload_cleanup_failed",
                location=location_id,
                reason=str(error),
            )


def _move_to_tier(node: Node, heartbeat: Heartbeat, loop: WorkLoop) -> None:
    """Move older files to the location of `tier_to`, if it is set."""
    source, target = node.primary_location.location_id, node.settings.tier_to
    if heartbeat.is_draining or target in ("", source):
        return
    before = utc_now() - timedelta(days=node.settings.tier_after_days)
    try:
        moved = worker_process.build_mover(node, loop.is_stopped).move(source, target, before)
    except OSError as error:
        get_logger().warning("could not move files", action="move_failed", target=target, reason=str(error))
        return
    if moved.files or moved.missing or moved.damaged:
        get_logger().info(
            "files moved",
            action="files_moved",
            files=moved.files,
            bytes=moved.size,
            target=target,
            skipped=moved.skipped,
        )
    for key in (*moved.missing, *moved.damaged):
        get_logger().error("file missing or damaged", action="file_lost", location=source, key=key)


def _prepare_metrics_folder(node: Node) -> None:
    """Prepare a folder in which all web processes count, so that each can report the totals."""
    folder = node.settings.data / METRICS_FOLDER
    folder.mkdir(exist_ok=True)
    for stale_file in (*folder.glob("*.db"), *folder.glob("app-counters")):
        stale_file.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _forget_gauges(node: Node, pid: int) -> None:
    """Delete the gauges of a web process that died; its counters stay."""
    for path in (node.settings.data / METRICS_FOLDER).glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)

"""Workers, composed from a node's parts: for the worker process, and for commands that run one by hand."""

import importlib.util
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ccfs.db.faults import ADVICE, DatabaseFault
from ccfs.db.integrity import check_integrity
from ccfs.db.system.certificates.trusted_certificates import TrustStore
from ccfs.db.system.tenant_cache import TenantCache, TenantSnapshot
from ccfs.db.write_ahead_log import shrink_write_ahead_log
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.callback_url import list_private_hosts
from ccfs.model.recordings.conversations import FoundSpeech
from ccfs.model.recordings.speech import DETECTOR_MODULE
from ccfs.server import config
from ccfs.server.node import Node, utc_now
from ccfs.server.node_status import StatusWriter
from ccfs.web.readiness import FAULT_REASONS
from ccfs.web.responses.blob_reader import open_blob
from ccfs.workers.base import Worker
from ccfs.workers.bulk.worker import BulkDownloadWorker, BulkWorkerDeps
from ccfs.workers.callbacks import worker
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from ccfs.workers.callbacks.worker import CallbackIdentity, CallbackWorker
from ccfs.workers.exports.worker import ExportDeps, ExportWorker
from ccfs.workers.heartbeat import Heartbeat
from ccfs.workers.loop import WorkLoop
from ccfs.workers.maintenance import retention
from ccfs.workers.maintenance.clock_guard import ClockGuard
from ccfs.workers.maintenance.retention import RetentionJob
from ccfs.workers.maintenance.server_certificate import ServerCertificateWatch
from ccfs.workers.pulse import Pulse
from ccfs.workers.reports.mail import MailServer
from ccfs.workers.reports.worker import ReportDeps, ReportWorker
from ccfs.workers.speech.worker import SpeechDeps, SpeechWorker
from ccfs.workers.storage.disk_sampler import DiskSampler
from ccfs.workers.storage.location_checker import LocationChecker
from ccfs.workers.storage.move_worker import MoveWorker
from ccfs.workers.storage.mover import BlobMover, MoveResult

WAL_WARNING_BYTES = 1 << 30
LOCATION_CHECK_SECONDS = 2.0  # between two looks for new locations
DATABASE_CHECK_SECONDS = 3600.0  # limit of a check for damage; the next one follows a day later


def build_heartbeat(node: Node, address: str) -> Heartbeat:
    """Return the heartbeat, which reports to other nodes that this one lives and is reachable at `address`."""
    return Heartbeat(node.database, node.build_node_record(address), node.liveness_timeout)


def build_callback_worker(node: Node, heart: Heartbeat) -> CallbackWorker:
    """Return the worker that sends callbacks."""
    of_deliveries = worker.DeliveryConfig(
        schedule=config.build_retry_schedule(node.settings),
        host_with_port=node.settings.callback_host_with_port,
        identities=SenderDirectory(node),
        now=heart.now,
        is_draining=lambda: heart.is_draining,
    )
    egress = CallbackHttpClient(trusted=TrustStore(node.database), trust_all=node.settings.ssl_trust_all)
    return CallbackWorker(node.database, egress, of_deliveries)


class SenderDirectory:
    """Apps as senders of callbacks, from a tenant snapshot that is never cached: a prefix bound now is valid at once."""

    def __init__(self, node: Node) -> None:
        self._tenants = TenantCache(node.database, node.secret_box, max_age_seconds=0, autocommit=True)
        self._snapshot = TenantSnapshot()

    def refresh(self) -> None:
        """Load the current tenants."""
        self._snapshot = self._tenants.get_snapshot(utc_now())

    def for_app(self, app: int) -> CallbackIdentity:
        """Return the newest key of an app and the prefixes it may call, as of the last refresh."""
        prefixes = self._snapshot.callback_prefixes.get(app, {})
        key = self._snapshot.signing_keys.get(app)
        return CallbackIdentity(key=key, prefixes=list(prefixes), private_hosts=list_private_hosts(prefixes))


def build_job_workers(node: Node, heart: Heartbeat, on_export: Callable[[], None], export_workers: int) -> list[Worker]:
    """Return the workers of exports, bulk downloads, reports, moves and speech; those of exports call `on_export` after each."""
    return [
        *(build_export_worker(node, heart, on_export) for _ in range(export_workers)),
        build_bulk_download_worker(node, heart),
        build_report_worker(node, heart),
        build_move_worker(node, heart),
        *build_speech_workers(node, heart),
    ]


def build_export_worker(node: Node, heart: Heartbeat, ready: Callable[[], None]) -> ExportWorker:
    """Return the worker that generates exports; it calls `ready` after each."""
    deps = ExportDeps(
        database=node.database,
        primary_location=node.primary_location,
        settings=node.settings,
        now=heart.now,
        on_ready=ready,
        is_draining=lambda: heart.is_draining,
    )
    return ExportWorker(deps)


def build_mover(
    node: Node,
    is_stopped: Callable[[], bool],
    progress: Callable[[MoveResult], None] = lambda _result: None,
    now: Callable[[], datetime] = utc_now,
) -> BlobMover:
    """Return the worker that moves blobs between locations. Orphans are due by `now`."""
    return BlobMover(
        database=node.database,
        locations=node.locations,
        now=now,
        grace=timedelta(seconds=node.settings.move_grace_seconds),
        url_grace=timedelta(seconds=node.settings.obs_url_seconds),
        is_stopped=is_stopped,
        on_progress=progress,
    )


def build_certificate_watch(node: Node, path: str) -> ServerCertificateWatch:
    """Return the step that stores when the server's certificate expires; `path` is empty if the server has none."""
    return ServerCertificateWatch(node.database, node.id, Path(path) if path else None, utc_now)


def build_location_loop(node: Node) -> WorkLoop:
    """Return the loop that tries all locations and measures disks. It may be stopped while a location does not answer."""
    checker = LocationChecker(node.database, node.id, node.locations)
    sampler = DiskSampler(node.database, node.locations, node.settings.data, utc_now)
    steps: list[tuple[str, Callable[[], object]]] = [("check_locations", checker), ("sample_disks", sampler)]
    return WorkLoop(steps, LOCATION_CHECK_SECONDS, max_stop_seconds=1)


def build_clock_guard(node: Node) -> ClockGuard:
    """Return the comparison of the clocks, without which nothing is deleted by age."""
    return ClockGuard(node.database, utc_now, timedelta(hours=node.settings.clock_max_difference_hours))


def shrink_wal(node: Node) -> None:
    """Shrink SQLite's write-ahead log, which grows while a long reader needs it, and log if it cannot be."""
    size = shrink_write_ahead_log(node.database)
    if size > WAL_WARNING_BYTES:
        get_logger().warning("write-ahead log is large: a reader holds it", action="wal_large", bytes=size)


def check_database(node: Node, is_stopped: Callable[[], bool]) -> None:
    """Check a SQLite file for damage, and log what is found."""
    damage = check_integrity(node.database, is_stopped, DATABASE_CHECK_SECONDS)
    if damage is None and not is_stopped():
        get_logger().warning("database check did not end in time", action="database_check_incomplete")
    elif damage:
        advice = ADVICE[DatabaseFault.DAMAGED]
        get_logger().error("database is damaged", action="database_damaged", reason=damage[:300], advice=advice)


def build_status_writer(node: Node, pulses: Sequence[Pulse], clocks: ClockGuard) -> StatusWriter:
    """Return the step that tells the web processes how workers, database and clocks are."""

    def check_faults() -> str:
        fault = node.database.faults.find_current()
        return FAULT_REASONS[fault] if fault else ""

    return StatusWriter(
        node.settings.data,
        [
            *(pulse.find_fault for pulse in pulses),
            check_faults,
            lambda: "clocks disagree" if clocks.has_wrong_clock else "",
        ],
    )


def build_retention_job(node: Node, clocks: ClockGuard) -> RetentionJob:
    """Return the job that creates partitions ahead and deletes expired ones."""
    rows = node.settings.retention_months
    stay = retention.RetentionPolicy(row_months=rows, recording_months=node.settings.recording_retention_months or rows)
    return RetentionJob(node.database, stay, utc_now, clocks)


def build_report_worker(node: Node, heart: Heartbeat) -> ReportWorker:
    """Return the worker that makes scheduled reports."""
    settings = node.settings
    mail = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=settings.smtp_password,
        sender=settings.smtp_sender,
        ca_file=settings.smtp_ca_file,
    )
    return ReportWorker(
        ReportDeps(
            database=node.database,
            folder=settings.data / "reports",
            mail=mail,
            now=heart.now,
            is_draining=lambda: heart.is_draining,
        )
    )


def build_move_worker(node: Node, heart: Heartbeat) -> MoveWorker:
    """Return the worker that moves files between locations at the request of operators."""

    def create_mover(is_stopped: Callable[[], bool], progress: Callable[[MoveResult], None]) -> BlobMover:
        return build_mover(node, is_stopped, progress)

    return MoveWorker(node.database, node.locations, heart.now, lambda: heart.is_draining, create_mover)


def build_speech_workers(node: Node, heart: Heartbeat) -> list[Worker]:
    """Return the worker that analyses recordings, if the analysis is on and this machine can do it."""
    if not node.settings.speech_analysis:
        return []
    if importlib.util.find_spec(DETECTOR_MODULE) is None:
        get_logger().warning("no speech detector for this machine: recordings are not analysed", action="speech_off")
        return []
    percent = node.settings.speech_analysis_cpu_percent
    return [build_speech_worker(node, heart.now, lambda: heart.is_draining, percent)]


def build_speech_worker(
    node: Node, now: Callable[[], datetime], is_draining: Callable[[], bool], cpu_percent: int
) -> SpeechWorker:
    """Return the worker that analyses recordings."""

    def analyse(blob: BlobRef, on_progress: Callable[[], bool]) -> FoundSpeech:
        from ccfs.media.speech_detector import analyse_blob

        return analyse_blob(partial(open_blob, node), blob, on_progress)

    return SpeechWorker(
        SpeechDeps(database=node.database, analyse=analyse, now=now, cpu_percent=cpu_percent, is_draining=is_draining)
    )


def build_bulk_download_worker(node: Node, heart: Heartbeat) -> BulkDownloadWorker:
    """Return the worker that prepares bulk downloads."""
    deps = BulkWorkerDeps(
        database=node.database,
        locations=node.locations,
        settings=node.settings,
        now=heart.now,
        is_draining=lambda: heart.is_draining,
        find_replica=node.replicas.find,
    )
    return BulkDownloadWorker(deps)

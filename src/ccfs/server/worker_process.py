"""Workers, composed from a node's parts: for the worker process, and for commands that run one by hand."""

from collections.abc import Callable
from datetime import timedelta

from ccfs.db.system.tenant_cache import TenantCache, TenantSnapshot
from ccfs.db.system.trusted_certificates import TrustStore
from ccfs.model.exports.callback_url import list_private_hosts
from ccfs.server import config
from ccfs.server.node import Node, utc_now
from ccfs.workers.bulk.worker import BulkDownloadWorker, BulkWorkerDeps
from ccfs.workers.callbacks import worker
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from ccfs.workers.callbacks.worker import CallbackIdentity, CallbackWorker
from ccfs.workers.exports.worker import ExportDeps, ExportWorker
from ccfs.workers.heartbeat import Heartbeat
from ccfs.workers.maintenance import retention
from ccfs.workers.maintenance.retention import RetentionJob
from ccfs.workers.storage.mover import BlobMover


def build_heartbeat(node: Node, address: str) -> Heartbeat:
    """Return the heartbeat, which reports to other nodes that this one lives and is reachable at `address`."""
    return Heartbeat(node.database, node.build_node_record(address), node.liveness_timeout, utc_now)


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


def build_export_worker(node: Node, heart: Heartbeat, ready: Callable[[], None]) -> ExportWorker:
    """Return the worker that generates exports; it calls `ready` after each."""
    shop = ExportDeps(
        database=node.database,
        primary_location=node.primary_location,
        settings=node.settings,
        now=heart.now,
        on_ready=ready,
        is_draining=lambda: heart.is_draining,
    )
    return ExportWorker(shop)


def build_mover(
    node: Node, is_stopped: Callable[[], bool], progress: Callable[[int], None] = lambda _done: None
) -> BlobMover:
    """Return the worker that moves blobs between locations."""
    return BlobMover(
        database=node.database,
        locations=node.locations,
        now=utc_now,
        grace=timedelta(seconds=node.settings.move_grace_seconds),
        url_grace=timedelta(seconds=node.settings.obs_url_seconds),
        is_stopped=is_stopped,
        on_progress=progress,
    )


def build_retention_job(node: Node) -> RetentionJob:
    """Return the job that creates partitions ahead and deletes expired ones."""
    rows = node.settings.retention_months
    stay = retention.RetentionPolicy(row_months=rows, recording_months=node.settings.recording_retention_months or rows)
    return RetentionJob(node.database, stay, utc_now)


def build_bulk_download_worker(node: Node, heart: Heartbeat) -> BulkDownloadWorker:
    """Return the worker that prepares bulk downloads."""
    desk = BulkWorkerDeps(
        database=node.database,
        locations=node.locations,
        settings=node.settings,
        now=heart.now,
        is_draining=lambda: heart.is_draining,
        find_replica=node.replicas.find,
    )
    return BulkDownloadWorker(desk)

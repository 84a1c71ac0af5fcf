"""A node with one app and a callback worker, for tests: its prefixes, its deliveries and their outcomes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from ccfs import settings
from ccfs.db import schema
from ccfs.db.job_queue import DELIVERIES
from ccfs.db.system import tenants
from ccfs.db.system.certificates.trusted_certificates import TrustStore
from ccfs.db.tenant import deliveries, exports
from ccfs.db.tenant.deliveries import DeliveryView
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.exports.delivery import Delivery, DeliveryState, RetrySchedule
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node, utc_now
from ccfs.server.worker_process import SenderDirectory
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from ccfs.workers.callbacks.safe_network import ExchangeLimits, Resolver, resolve_host
from ccfs.workers.callbacks.worker import CallbackWorker, DeliveryConfig
from tests.waiting import wait_until

AK, SK = "ACMEAK0001", "the-secret-of-acme-000000000000"
_OTHER_TABLES = (schema.callback_prefixes, schema.trusted_certificates)
LONG_TIMEOUTS = ExchangeLimits(connect_seconds=60, send_seconds=60, receive_seconds=60, total_seconds=90)
RETRY_INTERVAL = timedelta(seconds=0.3)


@dataclass(kw_only=True)
class CallbackNode:
    """A node with one app and its deliveries."""

    node: Node
    app: App
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def bind_prefix(self, prefix: str, *, may_be_private: bool = False) -> None:
        """Bind a prefix for the app."""
        with self.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, self.app, prefix, may_be_private=may_be_private)
        self._invalidate_tenants()

    def unbind_prefix(self, prefix: str) -> None:
        """Unbind a prefix of the app."""
        with self.node.database.write_transaction() as connection:
            tenants.unbind_callback(connection, self.app, prefix)
        self._invalidate_tenants()

    def _invalidate_tenants(self) -> None:
        """Make the node load tenants again, which it otherwise caches for a while on PostgreSQL."""
        self.node.tenant_cache.invalidate()

    def add_deliveries(self, *urls: str) -> list[str]:
        """Add a delivery to each of the URLs, due now; return their ids."""
        ids = []
        with self.node.database.write_transaction() as connection:
            for url in urls:
                export = make_export(next(self.numbers), url)
                exports.add(connection, self.app, export)
                delivery = Delivery(
                    id=export.response_id,
                    app=self.app.id,
                    ak=self.app.ak,
                    url=url,
                    body=b'{"request":{"version":"2.0"}}',
                    created_at=utc_now(),
                )
                target = parse_callback_url(url)
                assert target
                receiver = f"{target.scheme}://{target.host_port}"
                deliveries.add(connection, self.app, delivery, export.response_id, receiver, utc_now())
                ids.append(delivery.id)
        return ids

    def get_delivery(self, delivery_id: str) -> DeliveryView:
        """Return a delivery with its attempts."""
        with self.node.database.read_transaction() as connection:
            view = deliveries.get_with_attempts(connection, self.app, delivery_id)
        assert view
        return view

    def clear(self) -> None:
        """Delete all exports, deliveries, prefixes and trusted certificates."""
        with self.node.database.write_transaction() as connection:
            for table in (schema.delivery_attempts, schema.deliveries, schema.exports, *_OTHER_TABLES):
                connection.execute(table.delete())
            tenants.CHANGE_COUNTER.increment(connection)

    def count_by_state(self) -> dict[str, int]:
        """Return the number of deliveries in each state."""
        with self.node.database.read_transaction() as connection:
            return DELIVERIES.count_by_state(connection)

    def list_failures(self, delivery_id: str) -> list[str]:
        """Return the failure of each attempt; "" for a success."""
        return [outcome.failure for outcome, _ in self.get_delivery(delivery_id).attempts]

    def wait_until_delivered(self, *ids: str) -> None:
        """Wait until these deliveries are delivered."""
        wait_until(lambda: all(self.get_delivery(number).state is DeliveryState.DELIVERED for number in ids))

    @contextmanager
    def run_callback_worker(
        self,
        *,
        attempts: int = 3,
        interval: timedelta = RETRY_INTERVAL,
        limits: ExchangeLimits = LONG_TIMEOUTS,
        resolve: Resolver = resolve_host,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Iterator[CallbackWorker]:
        """Run a callback worker of this node with short retries, and stop it as a node does."""
        config = DeliveryConfig(
            schedule=RetrySchedule(interval=interval, max_attempts=attempts),
            host_with_port=True,
            identities=SenderDirectory(self.node),
            now=clock,
        )
        trusted = TrustStore(self.node.database)
        with CallbackHttpClient(trusted=trusted, limits=limits, resolve=resolve, now=clock) as client:
            worker = CallbackWorker(self.node.database, client, config, idle_seconds=0.05)
            worker.start()
            try:
                yield worker
            finally:
                worker.stop(2)
                worker._claim_thread.join(20)  # its connection ends with it


@contextmanager
def open_callback_node(data: Path, database_url: str) -> Iterator[CallbackNode]:
    """A node on a fresh database."""
    node = Node(settings.load_settings({}, data=data, database_url=database_url))
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "acme", AK, utc_now())
        tenants.add_key(connection, app, AK, SK, node.secret_box, utc_now())
    yield CallbackNode(node=node, app=app)
    node.database.close()


def make_export(number: int, url: str) -> Export:
    """Return an export with that callBackURL."""
    return Export(
        response_id=f"{number:032x}",
        kind=ExportKind.BILL,
        tables=("call",),
        window=TimeWindow(begin=utc_now(), end=utc_now()),
        filter=ExportFilter(),
        callback_url=url,
        requested_on=utc_now().date(),
        requested_at=utc_now() + timedelta(days=1),  # not due during a test
    )

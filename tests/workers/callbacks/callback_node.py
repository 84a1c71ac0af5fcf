"""An announcer at work for a test: a database with one app, deliveries put into it, what became of them. No test here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from ccfs import settings
from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.system.trusted_certificates import TrustStore
from ccfs.db.tenant import deliveries, exports
from ccfs.db.tenant.deliveries import DeliveryView
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.exports.delivery import Delivery, DeliveryState, RetrySchedule
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node, utc_now
from ccfs.server.worker_process import build_sender_directory
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from ccfs.workers.callbacks.safe_network import ExchangeLimits, Resolver, resolve_host
from ccfs.workers.callbacks.worker import CallbackWorker, DeliveryConfig

AK, SK = "ACMEAK0001", "the-secret-of-acme-000000000000"
_OTHER_TABLES = (schema.callback_prefixes, schema.trusted_certificates)
LONG_TIMEOUTS = ExchangeLimits(connect_seconds=60, send_seconds=60, receive_seconds=60, total_seconds=90)
RETRY_INTERVAL = timedelta(seconds=0.3)
MAX_WAIT_SECONDS = 90.0  # seconds until a test gives up: far more than anything takes where the machine is busy


@dataclass(kw_only=True)
class CallbackNode:
    """A node with one app, and what it announces."""

    node: Node
    app: App
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def bind_prefix(self, prefix: str, *, may_be_private: bool = False) -> None:
        """Let the app be called back there."""
        with self.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, self.app, prefix, may_be_private=may_be_private)
        self._invalidate_tenants()

    def unbind_prefix(self, prefix: str) -> None:
        """And no longer."""
        with self.node.database.write_transaction() as connection:
            tenants.unbind_callback(connection, self.app, prefix)
        self._invalidate_tenants()

    def _invalidate_tenants(self) -> None:
        """As long as a picture of tenancy may be old on PostgreSQL."""
        self.node.tenant_cache.invalidate()

    def add_deliveries(self, *urls: str) -> list[str]:
        """A delivery to each of the URLs, due now: their ids."""
        made = []
        with self.node.database.write_transaction() as connection:
            for url in urls:
                export = make_export(next(self.numbers), url)
                exports.add(connection, self.app, export)
                one = Delivery(
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
                deliveries.add(connection, self.app, one, export.response_id, receiver, utc_now())
                made.append(one.id)
        return made

    def get_delivery(self, delivery_id: str) -> DeliveryView:
        """A delivery with its attempts."""
        with self.node.database.read_transaction() as connection:
            found = deliveries.get_with_attempts(connection, self.app, delivery_id)
        assert found
        return found

    def clear(self) -> None:
        """As if nothing had ever been announced, bound or trusted."""
        with self.node.database.write_transaction() as connection:
            for table in (schema.delivery_attempts, schema.deliveries, schema.exports, *_OTHER_TABLES):
                connection.execute(table.delete())
            tenants.CHANGE_COUNTER.increment(connection)

    def count_by_state(self) -> dict[str, int]:
        """How many are in each state."""
        with self.node.database.read_transaction() as connection:
            return deliveries.count_by_state(connection)

    def list_failures(self, delivery_id: str) -> list[str]:
        """Why each attempt failed; empty for the one that did not."""
        return [outcome.failure for outcome, _ in self.get_delivery(delivery_id).attempts]

    def wait_until_delivered(self, *ids: str) -> None:
        """Wait until these are."""
        wait_until(lambda: all(self.get_delivery(one).state is DeliveryState.DELIVERED for one in ids))

    @contextmanager
    def run_callback_worker(
        self,
        *,
        attempts: int = 3,
        every: timedelta = RETRY_INTERVAL,
        limits: ExchangeLimits = LONG_TIMEOUTS,
        resolve: Resolver = resolve_host,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Iterator[CallbackWorker]:
        """An announcer of this node that repeats soon; stopped as a node stops it."""
        terms = DeliveryConfig(
            schedule=RetrySchedule(interval=every, max_attempts=attempts),
            host_with_port=True,
            load_identities=build_sender_directory(self.node),
            now=clock,
        )
        trusted = TrustStore(self.node.database)
        with CallbackHttpClient(trusted=trusted, limits=limits, resolve=resolve, now=clock) as egress:
            announcer = CallbackWorker(self.node.database, egress, terms, idle_seconds=0.05)
            announcer.start()
            try:
                yield announcer
            finally:
                announcer.stop(2)
                announcer._claim_thread.join(20)  # its connection ends with it


@contextmanager
def open_callback_node(data: Path, database_url: str) -> Iterator[CallbackNode]:
    """A stage over a fresh database."""
    node = Node(settings.load_settings({}, data=data, database_url=database_url))
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "acme", AK, utc_now())
        tenants.add_key(connection, app, AK, SK, node.secret_box, utc_now())
    yield CallbackNode(node=node, app=app)
    node.database.close()


def make_export(number: int, url: str) -> Export:
    """A request with that callBackURL."""
    return Export(
        response_id=f"{number:032x}",
        kind=ExportKind.BILL,
        tables=("call",),
        window=TimeWindow(begin=utc_now(), end=utc_now()),
        filter=ExportFilter(),
        callback_url=url,
        requested_on=utc_now().date(),
        requested_at=utc_now() + timedelta(days=1),  # nobody makes it
    )


def wait_until(is_so: Callable[[], bool], seconds: float = MAX_WAIT_SECONDS) -> None:
    """Wait until it is so; fails where it takes longer."""
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)

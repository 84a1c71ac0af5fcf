"""An announcer at work for a test: a database with one app, deliveries put into it, what became of them. No test here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from ccfs import settings
from ccfs.model.callback_url import callback_url
from ccfs.model.delivery import Delivery, Schedule, State
from ccfs.model.export import Export, Filter, Kind
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.node import Node, now
from ccfs.node.work import senders
from ccfs.store import deliveries, exports, schema, tenancy
from ccfs.store.deliveries import Listed
from ccfs.store.trusted_certificates import Trusted
from ccfs.work.deliver import Announcer, Terms
from ccfs.work.egress import Egress
from ccfs.work.sockets import Limits, Resolve, system_resolve

AK, SK = "ACMEAK0001", "the-secret-of-acme-000000000000"
_OTHERS = (schema.callback_prefixes, schema.trusted_certificates)
PATIENT = Limits(connect=60, send=60, receive=60, whole=90)
EVERY = timedelta(seconds=0.3)
LONG = 90.0  # seconds until a test gives up: far more than anything takes where the machine is busy


@dataclass(kw_only=True)
class Stage:
    """A node with one app, and what it announces."""

    node: Node
    app: App
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def bind(self, prefix: str, *, may_be_private: bool = False) -> None:
        """Let the app be called back there."""
        with self.node.database.writing() as connection:
            tenancy.bind_callback(connection, self.app, prefix, may_be_private=may_be_private)
        self._a_second_passes()

    def unbind(self, prefix: str) -> None:
        """And no longer."""
        with self.node.database.writing() as connection:
            tenancy.unbind_callback(connection, self.app, prefix)
        self._a_second_passes()

    def _a_second_passes(self) -> None:
        """As long as a picture of tenancy may be old on PostgreSQL."""
        self.node.pictures.look_again()

    def announce(self, *urls: str) -> list[str]:
        """A delivery to each of the URLs, due now: their ids."""
        made = []
        with self.node.database.writing() as connection:
            for url in urls:
                export = exported(next(self.numbers), url)
                exports.add(connection, self.app, export)
                one = Delivery(
                    id=export.response_id,
                    app=self.app.id,
                    ak=self.app.ak,
                    url=url,
                    body=b'{"request":{"version":"2.0"}}',
                    created_at=now(),
                )
                target = callback_url(url)
                assert target
                receiver = f"{target.scheme}://{target.site}"
                deliveries.add(connection, self.app, one, export.response_id, receiver, now())
                made.append(one.id)
        return made

    def shown(self, delivery_id: str) -> Listed:
        """A delivery with its attempts."""
        with self.node.database.reading() as connection:
            found = deliveries.shown(connection, self.app, delivery_id)
        assert found
        return found

    def clear(self) -> None:
        """As if nothing had ever been announced, bound or trusted."""
        with self.node.database.writing() as connection:
            for table in (schema.delivery_attempts, schema.deliveries, schema.exports, *_OTHERS):
                connection.execute(table.delete())
            tenancy.changed(connection)

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        with self.node.database.reading() as connection:
            return deliveries.counts(connection)

    def failures(self, delivery_id: str) -> list[str]:
        """Why each attempt failed; empty for the one that did not."""
        return [outcome.failure for outcome, _ in self.shown(delivery_id).attempts]

    def delivered(self, *ids: str) -> None:
        """Wait until these are."""
        until(lambda: all(self.shown(one).state is State.DELIVERED for one in ids))

    @contextmanager
    def announcing(
        self,
        *,
        attempts: int = 3,
        every: timedelta = EVERY,
        limits: Limits = PATIENT,
        resolve: Resolve = system_resolve,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Iterator[Announcer]:
        """An announcer of this node that repeats soon; stopped as a node stops it."""
        terms = Terms(
            schedule=Schedule(every=every, attempts=attempts),
            host_with_port=True,
            senders=senders(self.node),
            now=clock,
        )
        trusted = Trusted(self.node.database)
        with Egress(trusted=trusted, limits=limits, resolve=resolve, now=clock) as egress:
            announcer = Announcer(self.node.database, egress, terms, idle_seconds=0.05)
            announcer.start()
            try:
                yield announcer
            finally:
                announcer.stop(2)
                announcer._claiming.join(20)  # its connection ends with it


@contextmanager
def stage(data: Path, database_url: str) -> Iterator[Stage]:
    """A stage over a fresh database."""
    node = Node(settings.read({}, data=data, database_url=database_url))
    with node.database.writing() as connection:
        app = tenancy.add_app(connection, "acme", AK, now())
        tenancy.add_key(connection, app, AK, SK, node.sealer, now())
    yield Stage(node=node, app=app)
    node.database.close()


def exported(number: int, url: str) -> Export:
    """A request with that callBackURL."""
    return Export(
        response_id=f"{number:032x}",
        kind=Kind.BILL,
        tables=("call",),
        window=Window(begin=now(), end=now()),
        filter=Filter(),
        callback_url=url,
        asked_on=now().date(),
        asked_at=now() + timedelta(days=1),  # nobody makes it
    )


def until(is_so: Callable[[], bool], seconds: float = LONG) -> None:
    """Wait until it is so; fails where it takes longer."""
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)

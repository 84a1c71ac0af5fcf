"""Making exports: an export is claimed, its file streamed from the rows into its location, and then, in one transaction,
it is ready and its delivery is due. A worker that dies leaves it due again when its lease ends."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.logs import log
from ccfs.model.callback_url import callback_url
from ccfs.model.delivery import Delivery
from ccfs.model.recording import Kept
from ccfs.model.stray import Holder, Stray
from ccfs.model.tenancy import asking_zone
from ccfs.settings import Settings
from ccfs.store import deliveries, exports, moves, tenancy
from ccfs.store.db import Database
from ccfs.store.exports import Claimed
from ccfs.store.extract import extract, header
from ccfs.store.locations.port import Location
from ccfs.wire import notices
from ccfs.work.archive import Layout, Part, write_zip
from ccfs.work.worker import Interrupted, Worker

LEASE = timedelta(seconds=60)
BEAT_SECONDS = 15.0  # how often a lease is renewed
FIRST_WAIT, LONGEST_WAIT = 2.0, 600.0  # seconds between tries; doubled each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What making needs."""

    database: Database
    home: Location
    settings: Settings
    now: Callable[[], datetime]
    ready: Callable[[], None]  # called when a delivery became due
    is_draining: Callable[[], bool] = lambda: False  # whether to begin no other


class Maker(Worker):
    """Makes one export after the other for as long as it runs; several may run on one database."""

    NAME = "make"
    IDLE_SECONDS = 0.3
    FAILURE = ("not claimed", "claim_failed")

    def __init__(self, workshop: Workshop) -> None:
        super().__init__(workshop.is_draining)
        self._workshop = workshop
        self._last_app = 0

    def do_one(self) -> bool:
        """Make the export that is due; whether there was one."""
        shop = self._workshop
        with shop.database.writing() as connection:
            lease = f"{secrets.token_hex(8)}-{shop.home.location_id}"
            claimed = exports.claim(connection, shop.now(), lease, LEASE, self._last_app)
        if claimed is None:
            return False
        self._last_app = claimed.app.id
        if claimed.attempts > shop.settings.export_attempts:
            _put_aside(shop, claimed, f"claimed {claimed.attempts} times and never finished")
            return True
        try:
            self._finish_one(claimed)
        except Interrupted:
            with suppress(OSError):  # away: whoever holds the export next removes it
                shop.home.remove(_key(claimed, claimed.lease))  # nobody else's: the key has our lease
            _give_back(shop, claimed, shop.now(), "interrupted")
        except Exception as error:  # noqa: BLE001 - whatever stops one export must not stop the others
            _failed(shop, claimed, error)
        return True

    def _finish_one(self, claimed: Claimed) -> None:
        shop, began = self._workshop, self._workshop.now()
        if claimed.dead_leases:
            with shop.database.writing() as connection:
                _remove_files(shop, connection, claimed, *claimed.dead_leases)
        with _held(shop, claimed) as still_held:
            kept = self._make(claimed, still_held)
        _finish(shop, claimed, kept)
        shop.ready()
        seconds = (shop.now() - began).total_seconds()
        log().info("made", action="export_ready", export=claimed.export.response_id, bytes=kept.size, seconds=seconds)

    def _make(self, claimed: Claimed, still_held: Callable[[], bool]) -> Kept:
        shop = self._workshop

        def watched(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                if self._stopped.is_set() or not still_held():
                    raise Interrupted
                yield chunk

        with shop.database.reading() as connection:
            chunks = watched(_zip(connection, claimed, shop.settings))
            return shop.home.keep(_key(claimed, claimed.lease), chunks)


def _key(claimed: Claimed, lease: str) -> str:
    """Each try writes a file of its own: a worker that was thought dead cannot write into another one's."""
    export = claimed.export
    return f"{claimed.app.id}/exports/{export.asked_at:%Y%m%d}/{export.response_id}-{lease}.zip"


def _zip(connection: Connection, claimed: Claimed, settings: Settings) -> Iterator[bytes]:
    """The zip, as the rows come."""
    export, tail = claimed.export, settings.export_call_tail
    accounts = tenancy.accounts(connection, claimed.app)
    zones = {name: account.zoneinfo for name, account in accounts.items()}
    parts = [
        Part(
            table=table,
            header=header(table, with_tail=tail),
            chunks=extract(connection, claimed.app, table, export.window, export.filter, zones, with_tail=tail),
        )
        for table in export.tables
    ]
    layout = Layout(
        rows=settings.export_rows_per_file,
        header=settings.export_header,
        bom=settings.export_bom,
        manifest=settings.export_manifest,
    )
    made_at = export.asked_at.astimezone(asking_zone(accounts, export.filter.account_id))
    return write_zip(parts, layout, made_at, int(export.response_id, 16) % 1000)


@contextmanager
def _held(shop: Workshop, claimed: Claimed) -> Iterator[Callable[[], bool]]:
    """Keeps the lease alive beside the making; gives whether it still is."""
    done, lost = threading.Event(), threading.Event()

    def beat() -> None:
        held_until = shop.now() + LEASE
        while not done.wait(BEAT_SECONDS):
            try:
                with shop.database.writing() as connection:
                    until = shop.now() + LEASE
                    is_held = exports.renew(connection, claimed, until)
                held_until = until
            except SQLAlchemyError:
                is_held = shop.now() < held_until
            if not is_held:
                lost.set()
                return

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield lambda: not lost.is_set()
    finally:
        done.set()
        thread.join()


def _finish(shop: Workshop, claimed: Claimed, kept: Kept) -> None:
    """Ready and due at one stroke: a file that is not announced, or an announcement without its file, cannot be."""
    export, now = claimed.export, shop.now()
    target = callback_url(export.callback_url)
    with shop.database.writing() as connection:
        if not exports.finish(connection, claimed, kept, now):
            raise Interrupted
        delivery = Delivery(
            id=export.response_id,
            app=claimed.app.id,
            ak=claimed.app.ak,
            url=export.callback_url,
            body=notices.body(export),
            created_at=now,
        )
        receiver = f"{target.scheme}://{target.site}" if target else export.callback_url
        deliveries.add(connection, claimed.app, delivery, export.response_id, receiver, now)


def _failed(shop: Workshop, claimed: Claimed, error: Exception) -> None:
    """Try again, later each time; put it aside when that was often enough."""
    reason = f"{type(error).__name__}: {error}"
    log().exception("not made", action="export_failed", export=claimed.export.response_id, attempts=claimed.attempts)
    if claimed.attempts < shop.settings.export_attempts:
        wait = min(FIRST_WAIT * 2 ** min(claimed.attempts - 1, 20), LONGEST_WAIT)
        _give_back(shop, claimed, shop.now() + timedelta(seconds=wait), reason)
    else:
        _put_aside(shop, claimed, reason)


def _give_back(shop: Workshop, claimed: Claimed, due_at: datetime, reason: str) -> None:
    with _letting_go(shop, claimed) as connection:
        if exports.give_back(connection, claimed, due_at, reason):
            _remove_files(shop, connection, claimed, claimed.lease, *claimed.dead_leases)


def _put_aside(shop: Workshop, claimed: Claimed, reason: str) -> None:
    with _letting_go(shop, claimed) as connection:
        if exports.put_aside(connection, claimed, reason):
            _remove_files(shop, connection, claimed, claimed.lease, *claimed.dead_leases)


@contextmanager
def _letting_go(shop: Workshop, claimed: Claimed) -> Iterator[Connection]:
    """A transaction that may fail: the lease ends anyway."""
    try:
        with shop.database.writing() as connection:
            yield connection
    except Exception:  # noqa: BLE001 - of whatever kind: the worker goes on
        log().exception("not let go", action="export_failed", export=claimed.export.response_id)


def _remove_files(shop: Workshop, connection: Connection, claimed: Claimed, *leases: str) -> None:
    """What tries with these leases wrote. Only while the row is ours, and before it is let go: it could be ready after all,
    where the answer to a commit was lost; and once it is let go, nobody knows the leases any more. What a dead node wrote
    to its own disk is noted as a stray, which it removes itself if it ever comes back; so is what a location that is away
    may have: the export must not wait for that."""
    for lease in leases:
        key, location_id = _key(claimed, lease), lease.partition("-")[2] or shop.home.location_id
        with suppress(OSError):
            if location_id == shop.home.location_id:
                shop.home.remove(key)
                continue
        stray = Stray(location_id=location_id, key=key, holder=Holder.EXPORTS, row=claimed.export.response_id)
        moves.note(connection, stray, shop.now())

"""Exports as rows on both engines: who holds one, what a lost lease may still do, whose turn it is, what an app may see."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant import exports
from ccfs.db.tenant.exports import ClaimedExport
from ccfs.model.exports.export import Export, ExportFilter, ExportKind, ExportState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests.store import given
from tests.store.given import MINUTE, NOW, SECOND
from tests.store.plans import plans, reads_all

FILTER = ExportFilter(account_id="100", agent_id="512", call_id="1602728619-101", caller_no="0207", callee_no="0208")


def export(number: int = 1, **more: Any) -> Export:
    """A request, unlike those of other numbers; a higher one is younger."""
    usual: dict[str, Any] = {
        "response_id": f"{number:032x}",
        "kind": ExportKind.BILL,
        "tables": ("call", "record"),
        "window": TimeWindow(begin=NOW - MINUTE, end=NOW),
        "filter": FILTER,
        "callback_url": "https://cb.example.com:8000/x?y=1",
        "asked_on": NOW.date(),
        "requested_at": NOW + number * timedelta(microseconds=1),
    }
    return Export(**usual | more)


def add(database: Database, app: App, *several: Export) -> None:
    with database.write_transaction() as connection:
        for one in several:
            exports.add(connection, app, one)


def claim(database: Database, lease: str = "first", now: Any = NOW + SECOND, last_app: int = 0) -> ClaimedExport | None:
    with database.write_transaction() as connection:
        return exports.claim(connection, now, lease, MINUTE, last_app)


def held(database: Database, lease: str = "first", now: Any = NOW + SECOND) -> ClaimedExport:
    claimed = claim(database, lease, now)
    assert claimed is not None
    return claimed


def write(database: Database, action: Callable[..., Any], *arguments: Any) -> Any:
    with database.write_transaction() as connection:
        return action(connection, *arguments)


class TestHolding:
    """One worker at a time, and only as long as its lease."""

    def test_a_request_comes_back_as_it_was_asked(self, database: Database, app: App) -> None:
        add(database, app, export())
        assert held(database) == ClaimedExport(app=app, export=export(), attempts=1, lease="first", dead_leases=())

    def test_who_comes_second_gets_the_next_one_or_none(self, database: Database, app: App) -> None:
        add(database, app, export(1), export(2))
        assert [held(database).export, held(database, "second").export] == [export(1), export(2)]
        assert claim(database, "third") is None

    def test_it_is_due_again_when_the_lease_ends_with_the_names_of_all_that_died(
        self, database: Database, app: App
    ) -> None:
        add(database, app, export())
        held(database, "one")
        assert claim(database, "two", NOW + MINUTE) is None
        assert held(database, "two", NOW + SECOND + MINUTE).dead_leases == ("one",)
        third = held(database, "three", NOW + SECOND + 2 * MINUTE)
        assert (third.attempts, third.dead_leases) == (3, ("two", "one"))
        assert write(database, exports.finish, third, given.kept("1/a"), NOW)

    def test_a_lease_that_is_renewed_lasts(self, database: Database, app: App) -> None:
        add(database, app, export())
        claimed = held(database)
        assert write(database, exports.renew, claimed, NOW + 5 * MINUTE)
        assert claim(database, "second", NOW + 4 * MINUTE) is None

    @pytest.mark.parametrize("end", ["renew", "finish", "give_back", "put_aside"])
    def test_who_lost_its_lease_can_change_nothing(self, database: Database, app: App, end: str) -> None:
        add(database, app, export())
        late = held(database, "late")
        winner = held(database, "winner", NOW + 2 * MINUTE)
        arguments = {
            "renew": (NOW + 9 * MINUTE,),
            "finish": (given.kept("1/late"), NOW),
            "give_back": (NOW, "late"),
            "put_aside": ("late",),
        }[end]
        before = rows(database)
        assert not write(database, getattr(exports, end), late, *arguments)
        assert rows(database) == before
        assert write(database, exports.finish, winner, given.kept("1/winner"), NOW)
        assert not write(database, getattr(exports, end), late, *arguments)
        assert file(database, app) == given.kept("1/winner")

    def test_workers_at_one_moment_never_hold_the_same(self, database: Database, app: App) -> None:
        add(database, app, *map(export, range(60)))
        gate = Barrier(4)

        def work(number: int) -> list[str]:
            gate.wait()
            found = (claim(database, f"{number}") for _ in range(15))
            return [one.export.response_id for one in found if one]

        with ThreadPoolExecutor(4) as pool:
            held = [one for several in pool.map(work, range(4)) for one in several]
        assert len(held) == len(set(held)) > 0

    def test_nobody_waits_for_anothers_claim_where_rows_are_locked(self, database: Database, app: App) -> None:
        add(database, app, export(1), export(2))
        with database.write_transaction() as one:
            first = exports.claim(one, NOW + SECOND, "one", MINUTE)
            if database.is_sqlite:  # one writer at a time: the next begins when this one has ended
                one.commit()
            second = held(database, "two")
            assert claim(database, "three") is None
        assert first
        assert (first.export, second.export) == (export(1), export(2))


class TestFairness:
    """A thousand exports of one app delay nobody else's."""

    def test_another_app_is_next_however_many_wait(self, database: Database, app: App, other: App) -> None:
        add(database, app, *map(export, range(1000)))
        add(database, other, export(2000), export(2001))
        turns = [self.made_by_one(database) for _ in range(2)]
        assert turns == [app, other]

    def made_by_one(self, database: Database) -> App:
        """Makes one as a single worker does, which remembers whose turn it was."""
        claimed = claim(database, last_app=getattr(self, "last", 0))
        assert claimed
        self.last = claimed.app.id
        write(database, exports.finish, claimed, given.kept("1/a"), NOW)
        return claimed.app

    def test_a_single_worker_takes_the_apps_in_turn(self, database: Database, app: App, other: App) -> None:
        add(database, app, *map(export, range(10)))
        add(database, other, *map(export, range(20, 23)))
        turns = [self.made_by_one(database) for _ in range(8)]
        assert turns == [app, other] * 3 + [app] * 2

    def test_many_workers_take_the_app_with_the_fewest_under_way(
        self, database: Database, app: App, other: App
    ) -> None:
        add(database, app, *map(export, range(10)))
        add(database, other, export(20), export(21))
        assert [held(database).app for _ in range(6)] == [app, other, app, other, app, app]

    def test_metrics_know_since_when_somebody_waits(self, database: Database, app: App, other: App) -> None:
        add(database, app, export(1), export(2))
        add(database, other, export(3))
        assert write(database, exports.finish, held(database), given.kept("1/a"), NOW)
        with database.read_transaction() as connection:
            assert exports.count_by_state(connection) == {"due": 2, "ready": 1}
            assert exports.find_oldest_due(connection) == min(export(number).requested_at for number in (2, 3))

    def test_the_oldest_is_found_among_those_that_wait(self, database: Database, app: App) -> None:
        with database.write_transaction() as connection:
            many(connection, app, 3000)
            ready = sa.update(schema.exports).where(schema.exports.c.response_id != export(7).response_id)
            connection.execute(ready.values(state="ready", due_at=None, ready_at=NOW))
        plan = plans(database, exports.find_oldest_due)[-1]
        assert "ix_exports_due" in plan, plan

    def test_a_claim_reads_the_index_and_not_the_table(self, database: Database, app: App) -> None:
        with database.write_transaction() as connection:
            many(connection, app, 5000)
        asked = plans(database, lambda connection: exports.claim(connection, NOW + SECOND, "x", MINUTE))
        assert len(asked) >= 4  # whose turn, which, hold it, read it
        assert [plan for plan in asked if reads_all(plan)] == []


class TestEnds:
    """Ready, given back, put aside, expired."""

    def test_the_file_is_found_by_its_app_kind_and_name_alone(self, database: Database, app: App, other: App) -> None:
        add(database, app, export())
        assert file(database, app) is None  # not before it is ready
        assert write(database, exports.finish, held(database), given.kept("1/a"), NOW)
        assert file(database, app) == given.kept("1/a")
        assert file(database, other) is None
        assert file(database, app, ExportKind.AGENT_SKILL) is None
        assert claim(database, now=NOW + 9 * MINUTE) is None

    def test_what_failed_is_due_again_when_it_was_said(self, database: Database, app: App) -> None:
        add(database, app, export())
        assert write(database, exports.release, held(database), NOW + MINUTE, "no space" * 1000)
        assert claim(database, "second", NOW + MINUTE - SECOND) is None
        again = held(database, "second", NOW + MINUTE)
        assert (again.attempts, again.dead_leases) == (2, ())

    def test_what_is_put_aside_waits_for_the_operator(self, database: Database, app: App, other: App) -> None:
        add(database, app, export())
        assert write(database, exports.mark_failed, held(database), "no space")
        assert claim(database, now=NOW + 9 * MINUTE) is None
        with database.read_transaction() as connection:
            assert exports.list_failed(connection, app) == [(export(), "no space")]
            assert exports.list_failed(connection, other) == []
        assert write(database, exports.retry, other, NOW) == 0
        assert write(database, exports.retry, app, NOW) == 1
        assert held(database).attempts == 1

    def test_old_files_are_found_and_expire(self, database: Database, app: App) -> None:
        add(database, app, export(1), export(2))
        for moment in (NOW, NOW + MINUTE):
            write(database, exports.finish, held(database), given.kept("1/a"), moment)
        with database.read_transaction() as connection:
            assert exports.list_expirable(connection, NOW, 9) == []
            old = exports.list_expirable(connection, NOW + SECOND, 9)
        assert old == [(app, export(1).response_id, given.kept("1/a"))]
        write(database, exports.expire, app, export(1).response_id, given.kept("1/moved"))
        assert file(database, app) == given.kept("1/a")  # was moved meanwhile
        write(database, exports.expire, app, export(1).response_id, given.kept("1/a"))
        assert file(database, app) is None
        with database.read_transaction() as connection:
            assert exports.count_by_state(connection) == {ExportState.READY: 1, ExportState.EXPIRED: 1}


def rows(database: Database) -> list[Any]:
    with database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.exports)))


def file(database: Database, app: App, kind: ExportKind = ExportKind.BILL) -> Any:
    with database.read_transaction() as connection:
        return exports.get_ready_file(connection, app, kind, export().file_name)


def many(connection: Connection, app: App, count: int) -> None:
    """So many due exports, written at once."""
    exports.add(connection, app, export(0))
    row = connection.execute(sa.select(schema.exports)).one()._mapping
    copies = [{**row, "response_id": f"{n:032x}", "file_name": f"{n}.zip"} for n in range(1, count)]
    connection.execute(sa.insert(schema.exports), copies)

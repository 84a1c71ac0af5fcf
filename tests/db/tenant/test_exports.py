"""Exports and their job queue on both engines: leases, fairness between apps, ends, and what an app sees."""

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
from ccfs.db.job_queue import EXPORTS
from ccfs.db.system.jobs import export_jobs
from ccfs.db.system.jobs.export_jobs import ClaimedExport
from ccfs.db.tenant import exports
from ccfs.model.exports.export import Export, ExportFilter, ExportKind, ExportState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.query_plans import explain_action, has_full_scan
from tests.db.sample_rows import MINUTE, NOW, SECOND

FILTER = ExportFilter(account_id="100", agent_id="512", call_id="1602728619-101", caller_no="0207", callee_no="0208")


def make_export(number: int = 1, **more: Any) -> Export:
    """Return an export that differs from those of other numbers; a higher number is younger."""
    usual: dict[str, Any] = {
        "response_id": f"{number:032x}",
        "kind": ExportKind.BILL,
        "tables": ("call", "record"),
        "window": TimeWindow(begin=NOW - MINUTE, end=NOW),
        "filter": FILTER,
        "callback_url": "https://cb.example.com:8000/x?y=1",
        "requested_on": NOW.date(),
        "requested_at": NOW + number * timedelta(microseconds=1),
    }
    return Export(**usual | more)


def add_export(database: Database, app: App, *several: Export) -> None:
    with database.write_transaction() as connection:
        for export in several:
            exports.add(connection, app, export)


def claim_export(
    database: Database, lease: str = "first", now: Any = NOW + SECOND, last_app: int = 0
) -> ClaimedExport | None:
    with database.write_transaction() as connection:
        return export_jobs.claim(connection, now, lease, MINUTE, last_app)


def claim_existing(database: Database, lease: str = "first", now: Any = NOW + SECOND) -> ClaimedExport:
    claimed = claim_export(database, lease, now)
    assert claimed is not None
    return claimed


def run_transaction(database: Database, action: Callable[..., Any], *arguments: Any) -> Any:
    with database.write_transaction() as connection:
        return action(connection, *arguments)


class TestLeases:
    """One worker at a time leases an export, and only until its lease ends."""

    def test_a_claimed_export_is_as_it_was_requested(self, database: Database, app: App) -> None:
        add_export(database, app, make_export())
        assert claim_existing(database) == ClaimedExport(
            app=app, export=make_export(), attempts=1, lease="first", dead_leases=()
        )

    def test_the_second_worker_claims_the_next_export_or_none(self, database: Database, app: App) -> None:
        add_export(database, app, make_export(1), make_export(2))
        assert [claim_existing(database).export, claim_existing(database, "second").export] == [
            make_export(1),
            make_export(2),
        ]
        assert claim_export(database, "third") is None

    def test_an_export_whose_lease_ended_is_due_again_with_all_dead_leases(self, database: Database, app: App) -> None:
        add_export(database, app, make_export())
        claim_existing(database, "one")
        assert claim_export(database, "two", NOW + MINUTE) is None
        assert claim_existing(database, "two", NOW + SECOND + MINUTE).dead_leases == ("one",)
        third = claim_existing(database, "three", NOW + SECOND + 2 * MINUTE)
        assert (third.attempts, third.dead_leases) == (3, ("two", "one"))
        assert run_transaction(database, export_jobs.finish, third, sample_rows.make_blob_ref("1/a"), NOW)

    def test_a_renewed_lease_of_an_export_lasts(self, database: Database, app: App) -> None:
        add_export(database, app, make_export())
        claimed = claim_existing(database)
        assert run_transaction(database, EXPORTS.renew, claimed, NOW + 5 * MINUTE)
        assert claim_export(database, "second", NOW + 4 * MINUTE) is None

    @pytest.mark.parametrize("end", ["renew", "finish", "release", "mark_failed"])
    def test_a_worker_that_lost_its_lease_cannot_change_the_export(
        self, database: Database, app: App, end: str
    ) -> None:
        add_export(database, app, make_export())
        late = claim_existing(database, "late")
        winner = claim_existing(database, "winner", NOW + 2 * MINUTE)
        calls: dict[str, tuple[Any, ...]] = {
            "renew": (EXPORTS.renew, NOW + 9 * MINUTE),
            "finish": (export_jobs.finish, sample_rows.make_blob_ref("1/late"), NOW),
            "release": (EXPORTS.release, NOW, "late"),
            "mark_failed": (EXPORTS.mark_failed, "late"),
        }
        action, *arguments = calls[end]
        before = load_rows(database)
        assert not run_transaction(database, action, late, *arguments)
        assert load_rows(database) == before
        assert run_transaction(database, export_jobs.finish, winner, sample_rows.make_blob_ref("1/winner"), NOW)
        assert not run_transaction(database, action, late, *arguments)
        assert find_file(database, app) == sample_rows.make_blob_ref("1/winner")

    def test_workers_at_one_moment_never_claim_the_same_export(self, database: Database, app: App) -> None:
        add_export(database, app, *map(make_export, range(60)))
        gate = Barrier(4)

        def work(number: int) -> list[str]:
            gate.wait()
            claims = (claim_export(database, f"{number}") for _ in range(15))
            return [claimed.export.response_id for claimed in claims if claimed]

        with ThreadPoolExecutor(4) as pool:
            claimed = [response_id for several in pool.map(work, range(4)) for response_id in several]
        assert len(claimed) == len(set(claimed)) > 0

    def test_claiming_exports_waits_for_no_other_claim_where_rows_are_locked(
        self, database: Database, app: App
    ) -> None:
        add_export(database, app, make_export(1), make_export(2))
        with database.write_transaction() as connection:
            first = export_jobs.claim(connection, NOW + SECOND, "one", MINUTE)
            if database.is_sqlite:  # one writer at a time: the next begins when this one has ended
                connection.commit()
            second = claim_existing(database, "two")
            assert claim_export(database, "three") is None
        assert first
        assert (first.export, second.export) == (make_export(1), make_export(2))


class TestFairness:
    """A thousand exports of one app do not delay those of another."""

    def test_another_apps_export_is_next_however_many_wait(self, database: Database, app: App, other_app: App) -> None:
        add_export(database, app, *map(make_export, range(1000)))
        add_export(database, other_app, make_export(2000), make_export(2001))
        turns = [self.claim_as_one_worker(database) for _ in range(2)]
        assert turns == [app, other_app]

    def claim_as_one_worker(self, database: Database) -> App:
        """Claim and finish an export as a single worker does, which remembers the last app."""
        claimed = claim_export(database, last_app=getattr(self, "last", 0))
        assert claimed
        self.last = claimed.app.id
        run_transaction(database, export_jobs.finish, claimed, sample_rows.make_blob_ref("1/a"), NOW)
        return claimed.app

    def test_a_single_worker_claims_exports_of_the_apps_in_turn(
        self, database: Database, app: App, other_app: App
    ) -> None:
        add_export(database, app, *map(make_export, range(10)))
        add_export(database, other_app, *map(make_export, range(20, 23)))
        turns = [self.claim_as_one_worker(database) for _ in range(8)]
        assert turns == [app, other_app] * 3 + [app] * 2

    def test_many_workers_claim_exports_of_the_app_with_the_fewest_under_way(
        self, database: Database, app: App, other_app: App
    ) -> None:
        add_export(database, app, *map(make_export, range(10)))
        add_export(database, other_app, make_export(20), make_export(21))
        assert [claim_existing(database).app for _ in range(6)] == [app, other_app, app, other_app, app, app]

    def test_metrics_report_since_when_the_oldest_export_is_due(
        self, database: Database, app: App, other_app: App
    ) -> None:
        add_export(database, app, make_export(1), make_export(2))
        add_export(database, other_app, make_export(3))
        assert run_transaction(
            database, export_jobs.finish, claim_existing(database), sample_rows.make_blob_ref("1/a"), NOW
        )
        with database.read_transaction() as connection:
            assert EXPORTS.count_by_state(connection) == {"due": 2, "ready": 1}
            assert EXPORTS.find_oldest_due(connection) == min(make_export(number).requested_at for number in (2, 3))

    def test_the_oldest_due_export_is_found_by_the_index_of_due_exports(self, database: Database, app: App) -> None:
        with database.write_transaction() as connection:
            add_exports(connection, app, 3000)
            ready = sa.update(schema.exports).where(schema.exports.c.response_id != make_export(7).response_id)
            connection.execute(ready.values(state="ready", due_at=None, ready_at=NOW))
        plan = explain_action(database, EXPORTS.find_oldest_due)[-1]
        assert "ix_exports_due" in plan, plan

    def test_claiming_an_export_reads_the_index_and_not_the_table(self, database: Database, app: App) -> None:
        with database.write_transaction() as connection:
            add_exports(connection, app, 5000)
        plans = explain_action(database, lambda connection: export_jobs.claim(connection, NOW + SECOND, "x", MINUTE))
        assert len(plans) >= 2  # of the apps that wait, and of the claim
        assert [plan for plan in plans if has_full_scan(plan)] == []


class TestEnds:
    """Exports that are ready, released, failed or expired."""

    def test_the_file_of_an_export_is_found_by_its_app_kind_and_name_alone(
        self, database: Database, app: App, other_app: App
    ) -> None:
        add_export(database, app, make_export())
        assert find_file(database, app) is None  # not before it is ready
        assert run_transaction(
            database, export_jobs.finish, claim_existing(database), sample_rows.make_blob_ref("1/a"), NOW
        )
        assert find_file(database, app) == sample_rows.make_blob_ref("1/a")
        assert find_file(database, other_app) is None
        assert find_file(database, app, ExportKind.AGENT_SKILL) is None
        assert claim_export(database, now=NOW + 9 * MINUTE) is None

    def test_a_released_export_is_due_again_at_the_given_time(self, database: Database, app: App) -> None:
        add_export(database, app, make_export())
        assert run_transaction(database, EXPORTS.release, claim_existing(database), NOW + MINUTE, "no space" * 1000)
        assert claim_export(database, "second", NOW + MINUTE - SECOND) is None
        again = claim_existing(database, "second", NOW + MINUTE)
        assert (again.attempts, again.dead_leases) == (2, ())

    def test_an_export_marked_failed_waits_for_the_operator(self, database: Database, app: App, other_app: App) -> None:
        add_export(database, app, make_export())
        assert run_transaction(database, EXPORTS.mark_failed, claim_existing(database), "no space")
        assert claim_export(database, now=NOW + 9 * MINUTE) is None
        with database.read_transaction() as connection:
            assert exports.list_failed(connection, app) == [(make_export(), "no space")]
            assert exports.list_failed(connection, other_app) == []
        assert run_transaction(database, exports.retry, other_app, NOW) == 0
        assert run_transaction(database, exports.retry, app, NOW) == 1
        assert claim_existing(database).attempts == 1

    def test_old_export_files_are_found_and_expire(self, database: Database, app: App) -> None:
        add_export(database, app, make_export(1), make_export(2))
        for moment in (NOW, NOW + MINUTE):
            run_transaction(
                database, export_jobs.finish, claim_existing(database), sample_rows.make_blob_ref("1/a"), moment
            )
        with database.read_transaction() as connection:
            assert export_jobs.list_expirable(connection, NOW + SECOND, NOW + MINUTE, 9) == []  # not marked
        run_transaction(database, export_jobs.update_expiry_marks, NOW + SECOND, NOW)
        with database.read_transaction() as connection:
            assert export_jobs.list_expirable(connection, NOW, NOW, 9) == []
            assert export_jobs.list_expirable(connection, NOW + SECOND, NOW - SECOND, 9) == []
            old = export_jobs.list_expirable(connection, NOW + SECOND, NOW, 9)
        assert old == [(app, make_export(1).response_id, sample_rows.make_blob_ref("1/a"))]
        run_transaction(database, exports.expire, app, make_export(1).response_id, sample_rows.make_blob_ref("1/moved"))
        assert find_file(database, app) == sample_rows.make_blob_ref("1/a")  # was moved meanwhile
        run_transaction(database, exports.expire, app, make_export(1).response_id, sample_rows.make_blob_ref("1/a"))
        assert find_file(database, app) is None
        with database.read_transaction() as connection:
            assert EXPORTS.count_by_state(connection) == {ExportState.READY: 1, ExportState.EXPIRED: 1}


def load_rows(database: Database) -> list[Any]:
    with database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.exports)))


def find_file(database: Database, app: App, kind: ExportKind = ExportKind.BILL) -> Any:
    with database.read_transaction() as connection:
        return exports.get_ready_file(connection, app, kind, make_export().file_name)


def add_exports(connection: Connection, app: App, count: int) -> None:
    """Add due exports in one statement."""
    exports.add(connection, app, make_export(0))
    row = connection.execute(sa.select(schema.exports)).one()._mapping
    copies = [{**row, "response_id": f"{n:032x}", "file_name": f"{n}.zip"} for n in range(1, count)]
    connection.execute(sa.insert(schema.exports), copies)

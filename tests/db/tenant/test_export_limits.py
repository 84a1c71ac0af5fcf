"""Exports of an app that are not ready yet, up to a limit."""

from concurrent.futures import ThreadPoolExecutor

from ccfs.db.engine import Database
from ccfs.db.system.jobs import export_jobs
from ccfs.db.tenant import exports
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.query_plans import explain_action, has_full_scan
from tests.db.sample_rows import NOW
from tests.db.tenant.test_exports import add_exports, claim_existing, make_export, run_transaction


def test_exports_at_one_moment_never_exceed_the_limit_together(database: Database, app: App, other_app: App) -> None:
    def request(number: int) -> bool:
        return bool(run_transaction(database, exports.add_if_fewer, app, make_export(number), 5))

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(request, range(24)))
    assert added.count(True) == 5
    assert run_transaction(database, exports.add_if_fewer, other_app, make_export(50), 5)
    assert run_transaction(
        database, export_jobs.finish, claim_existing(database), sample_rows.make_blob_ref("1/a"), NOW
    )
    assert [request(number) for number in (60, 61)] == [True, False]  # a ready one counts no more
    assert run_transaction(database, exports.add_if_fewer, app, make_export(70), 0)


def test_counting_up_to_the_limit_reads_the_index(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        add_exports(connection, app, 3000)
    plans = explain_action(
        database, lambda connection: exports.add_if_fewer(connection, app, make_export(9999), 10_000)
    )
    assert [plan for plan in plans if has_full_scan(plan)] == []
    assert any("ix_exports_due" in plan for plan in plans)

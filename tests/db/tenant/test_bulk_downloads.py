"""Bulk downloads, their items and their job queue on both engines: leases, progress, ownership and metrics."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.job_queue import BULK_DOWNLOADS
from ccfs.db.system.console import users
from ccfs.db.system.jobs import bulk_jobs
from ccfs.db.system.jobs.bulk_jobs import ClaimedBulkDownload
from ccfs.db.tenant import bulk_download_items, bulk_downloads
from ccfs.model.bulk.bulk_download import (
    BulkDownload,
    BulkDownloadState,
    BulkItem,
    BulkProgress,
    BulkRequest,
    MissingReason,
)
from ccfs.model.bulk.bulk_zip import CsvDigest, ZipSummary
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchCursor, SearchOrder
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests.db.query_plans import explain_action, has_full_scan
from tests.db.sample_rows import MINUTE, NOW, SECOND

SEARCH = CallSearch(
    account_id="100",
    window=TimeWindow(begin=NOW - MINUTE, end=NOW),
    caller_no="0207",
    direction=Direction.OUTBOUND,
    min_talk_seconds=3,
    is_recorded=True,
    order=SearchOrder.LONGEST,
)
ZIP_SUMMARY = ZipSummary(
    size=9 << 33, etag="1-x", index=CsvDigest(size=5 << 32, crc32=0xFFFFFFFF), missing=CsvDigest(size=1, crc32=2)
)


@pytest.fixture
def user_id(database: Database) -> int:
    with database.write_transaction() as connection:
        return users.add(connection, "emil", "", NOW).id


def make_bulk_download(user: int, number: int = 1, **more: Any) -> BulkDownload:
    usual: dict[str, Any] = {"account_id": "100", "zone": "Asia/Shanghai", "request": BulkRequest(search=SEARCH)}
    requested_at = NOW + number * timedelta(microseconds=1)
    return BulkDownload(id=f"{number:032x}", user_id=user, requested_at=requested_at, **usual | more)


def make_item(number: int, **more: Any) -> BulkItem:
    usual: dict[str, Any] = {
        "file_name": f"/r/{number}",
        "call_id": "1700000000-1",
        "begin": NOW,
        "end": NOW + SECOND,
        "caller_no": "1",
        "callee_no": "2",
        "agent_id": "3",
        "queue": "4",
    }
    return BulkItem(number=number, **usual | more)


def add_bulk_download(database: Database, app: App, *several: BulkDownload) -> None:
    with database.write_transaction() as connection:
        for bulk_download in several:
            bulk_downloads.add(connection, app, bulk_download)


def claim_bulk_download(
    database: Database, lease: str = "first", now: datetime = NOW + SECOND
) -> ClaimedBulkDownload | None:
    with database.write_transaction() as connection:
        return bulk_jobs.claim(connection, now, lease, MINUTE)


def claim_existing(database: Database, lease: str = "first", now: datetime = NOW + SECOND) -> ClaimedBulkDownload:
    claimed = claim_bulk_download(database, lease, now)
    assert claimed is not None
    return claimed


def test_a_user_s_requests_at_one_moment_stay_below_the_limit_in_all_apps_together(
    database: Database, app: App, other_app: App, user_id: int
) -> None:
    def request(number: int) -> bool:
        with database.write_transaction() as connection:
            owner = (app, other_app)[number % 2]
            return bulk_downloads.add_if_fewer(connection, owner, make_bulk_download(user_id, number), 3)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(request, range(12))) == 3
    with database.write_transaction() as connection:
        colleague = users.add(connection, "lucy", "", NOW).id
        assert bulk_downloads.add_if_fewer(connection, app, make_bulk_download(colleague, 20), 3)


def test_a_claimed_bulk_download_is_as_it_was_requested(database: Database, app: App, user_id: int) -> None:
    selected = BulkRequest(calls=("1700000000-1", 'a"b'))
    add_bulk_download(database, app, make_bulk_download(user_id), make_bulk_download(user_id, 2, request=selected))
    first, second = claim_existing(database), claim_existing(database, "second")
    assert (first.app, first.bulk_download, first.progress, first.cursor) == (
        app,
        make_bulk_download(user_id),
        BulkProgress(),
        None,
    )
    assert second.bulk_download.request == selected


def test_the_bulk_download_that_is_due_longest_is_leased_by_one_worker(
    database: Database, app: App, user_id: int
) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id, 2), make_bulk_download(user_id, 1))
    assert [claim_existing(database, lease).bulk_download.id for lease in ("a", "b")] == [f"{1:032x}", f"{2:032x}"]
    assert claim_bulk_download(database) is None
    assert claim_existing(database, now=NOW + 2 * MINUTE).attempts == 2  # after two workers died


def test_the_progress_of_a_bulk_download_outlives_its_worker(database: Database, app: App, user_id: int) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id))
    progress = BulkProgress(
        listed=7, bytes=9 << 40, is_complete=True, is_truncated=True, checked=3, missing=1, files_end=5 << 40
    )
    cursor = SearchCursor(begin=NOW, source_key='a"b', seconds=5)
    with database.write_transaction() as connection:
        assert bulk_jobs.save_progress(connection, claim_within(connection), progress, cursor, NOW + MINUTE)
    again = claim_existing(database, "second", NOW + 2 * MINUTE)
    assert (again.progress, again.cursor, again.attempts) == (progress, cursor, 1)


def claim_within(connection: Any) -> ClaimedBulkDownload:
    claimed = bulk_jobs.claim(connection, NOW + SECOND, "first", MINUTE)
    assert claimed is not None
    return claimed


def test_a_worker_that_lost_its_lease_changes_no_bulk_download(database: Database, app: App, user_id: int) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id))
    late, winner = claim_existing(database), claim_existing(database, "second", NOW + 2 * MINUTE)
    with database.write_transaction() as connection:
        assert not BULK_DOWNLOADS.renew(connection, late, NOW + 9 * MINUTE)
        assert not bulk_jobs.save_progress(connection, late, BulkProgress(listed=1), None, NOW)
        assert not bulk_jobs.finish(connection, late, ZIP_SUMMARY, NOW)
        assert not BULK_DOWNLOADS.release(connection, late, NOW, "", attempts=0)
        assert not BULK_DOWNLOADS.mark_failed(connection, late, "x")
        assert bulk_jobs.finish(connection, winner, ZIP_SUMMARY, NOW)
        assert not BULK_DOWNLOADS.mark_failed(connection, winner, "x")
    assert claim_bulk_download(database, now=NOW + 99 * MINUTE) is None


def test_a_bulk_download_is_shown_to_its_owner_alone(
    database: Database, app: App, other_app: App, user_id: int
) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id))
    claimed = claim_existing(database)
    with database.write_transaction() as connection:
        stranger = users.add(connection, "eve", "", NOW).id
        assert bulk_jobs.finish(connection, claimed, ZIP_SUMMARY, NOW)
        view = bulk_downloads.find(connection, app, user_id, claimed.bulk_download.id)
        assert view is not None
        assert (view.state, view.zip_summary) == (BulkDownloadState.READY, ZIP_SUMMARY)
        assert bulk_downloads.list_by_user(connection, app, user_id) == [view]
        for other_owner, user in ((app, stranger), (other_app, user_id)):
            assert bulk_downloads.find(connection, other_owner, user, claimed.bulk_download.id) is None
            assert bulk_downloads.list_by_user(connection, other_owner, user) == []


def test_items_of_a_bulk_download_are_read_in_order_from_any_number(
    database: Database, app: App, other_app: App, user_id: int
) -> None:
    number = make_bulk_download(user_id).id
    add_bulk_download(database, app, make_bulk_download(user_id))
    with database.write_transaction() as connection:
        bulk_download_items.add(connection, app, number, [make_item(item) for item in range(1, 1201)])
        read = [
            make_item(item, member_name=f"{item}", size=90, zip_offset=item * 100, crc32=0xFFFFFFFF)
            for item in range(1, 1200)
        ]
        read[4] = make_item(5, missing_reason=MissingReason.DIFFERS)
        bulk_download_items.save_check_results(connection, app, number, read)
    assert [item.number for item in bulk_download_items.iter_items(database, app, number)] == list(range(1, 1201))
    assert [item.number for item in bulk_download_items.iter_items(database, app, number, 1198)] == [1199, 1200]
    assert list(bulk_download_items.iter_items(database, other_app, number)) == []
    with database.read_transaction() as connection:
        assert bulk_download_items.list_page(connection, app, number, 4, 2) == [read[4], read[5]]
        numbers = [
            bulk_download_items.find_item_number_at_offset(connection, app, number, at)
            for at in (100, 199, 200, 599, 600, 10**12)
        ]
        assert numbers == [1, 1, 2, 4, 6, 1199]
        assert bulk_download_items.find_item_number_at_offset(connection, other_app, number, 500) == 0


def test_old_bulk_downloads_are_deleted_with_their_items(database: Database, app: App, user_id: int) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id, 1), make_bulk_download(user_id, 2))
    with database.write_transaction() as connection:
        for number in (1, 2):
            bulk_download_items.add(
                connection, app, make_bulk_download(user_id, number).id, [make_item(1), make_item(2)]
            )
        assert bulk_jobs.delete_before(connection, make_bulk_download(user_id, 2).requested_at, 9) == 1
        remaining = sa.select(schema.bulk_download_items.c.bulk_download).distinct()
        assert connection.execute(remaining).scalars().all() == [make_bulk_download(user_id, 2).id]


def test_claiming_a_bulk_download_and_finding_an_item_read_an_index(database: Database, app: App, user_id: int) -> None:
    add_bulk_download(database, app, make_bulk_download(user_id))
    claimed = claim_existing(database)
    for action in (
        lambda connection: bulk_jobs.claim(connection, NOW, "x", MINUTE),
        lambda connection: bulk_download_items.find_item_number_at_offset(connection, app, claimed.bulk_download.id, 5),
        lambda connection: bulk_download_items.list_page(connection, app, claimed.bulk_download.id, 5),
    ):
        assert not [plan for plan in explain_action(database, action) if has_full_scan(plan)]


def test_metrics_count_bulk_downloads_of_all_apps_and_report_the_oldest_due(
    database: Database, app: App, other_app: App, user_id: int
) -> None:
    with database.read_transaction() as connection:
        assert (BULK_DOWNLOADS.count_by_state(connection), BULK_DOWNLOADS.find_oldest_due(connection)) == ({}, None)
    add_bulk_download(database, app, *(make_bulk_download(user_id, number) for number in (1, 2, 3)))
    add_bulk_download(database, other_app, make_bulk_download(user_id, 4), make_bulk_download(user_id, 5))
    claims = [claim_existing(database, lease) for lease in "abcde"]  # of both apps in turn
    done, failed, released = (claimed for claimed in claims if claimed.app == app)
    with database.write_transaction() as connection:
        for claimed in claims:
            if claimed.app == other_app:
                assert BULK_DOWNLOADS.release(connection, claimed, NOW, "")
    with database.write_transaction() as connection:
        assert bulk_jobs.finish(connection, done, ZIP_SUMMARY, NOW)
        assert BULK_DOWNLOADS.mark_failed(connection, failed, "x")
        assert BULK_DOWNLOADS.release(connection, released, NOW + 9 * MINUTE, "x", attempts=1)
    with database.read_transaction() as connection:
        assert BULK_DOWNLOADS.count_by_state(connection) == {"due": 3, "ready": 1, "failed": 1}
        assert (
            BULK_DOWNLOADS.find_oldest_due(connection) == make_bulk_download(user_id, 3).requested_at
        )  # though it is due last


def test_the_oldest_due_bulk_download_is_found_by_the_index_of_due_ones(
    database: Database, app: App, user_id: int
) -> None:
    add_bulk_download(database, app, *(make_bulk_download(user_id, number) for number in range(3000)))
    with database.write_transaction() as connection:
        ready = sa.update(schema.bulk_downloads).where(schema.bulk_downloads.c.id != f"{2999:032x}")
        connection.execute(ready.values(state=BulkDownloadState.READY, due_at=None))
    plan = explain_action(database, BULK_DOWNLOADS.find_oldest_due)[-1]
    assert "ix_bulk_downloads_due" in plan, plan
    assert "requested_at" not in plan, plan


def test_a_search_without_filters_is_stored_as_text_and_read_back(database: Database, app: App, user_id: int) -> None:
    plain = replace(SEARCH, direction=None, min_talk_seconds=None, is_recorded=None, order=SearchOrder.NEWEST)
    add_bulk_download(database, app, make_bulk_download(user_id, request=BulkRequest(search=plain)))
    assert claim_existing(database).bulk_download.request.search == plain

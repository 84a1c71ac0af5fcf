"""Requests to read a source file again: marked files, deleted rejections, and the app they belong to."""

from datetime import timedelta

import pytest

from ccfs.db.engine import Database
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import container_of, is_rotated, is_unreadable_rotation
from tests.db.sample_rows import MINUTE, NOW, SECOND

CDR_FILE = "/var/log/asterisk/cdr-csv/Master.csv"
EXPORT_ZIP = "/exports/a:b.ZIP"


def set_cursors(database: Database, app: App, *paths: str) -> None:
    with database.write_transaction() as connection:
        for path in paths:
            first = SourceCursor(path=path, first_line="d", offset=9, line=1, started_at=NOW - timedelta(days=1))
            second = SourceCursor(path=path, first_line="e", offset=700, line=7, started_at=NOW)
            ingest_state.set_cursor(connection, app, first, NOW)
            ingest_state.set_cursor(connection, app, second, NOW + SECOND)


def add_rejected_line(database: Database, app: App, *files: str, line: int = 3) -> None:
    with database.write_transaction() as connection:
        ingest_state.add_rejections(
            connection, app, [IngestRejection(file=file, line=line, reason="odd") for file in files], NOW
        )


def request_reread(database: Database, app: App, file: str) -> tuple[bool, int]:
    with database.write_transaction() as connection:
        return ingest_state.request_reread(connection, app, file, NOW + MINUTE)


def list_rejected_files(database: Database, app: App) -> set[str]:
    with database.read_transaction() as connection:
        return {rejection.file for _, rejection, _ in ingest_state.list_rejections(connection, app)}


def list_requested_files(database: Database, app: App) -> dict[str, bool]:
    with database.read_transaction() as connection:
        return {cursor.path: cursor.is_reread_requested for cursor, _ in ingest_state.list_cursors(connection, app)}


def test_a_cursor_has_the_offset_and_the_first_read_of_its_file(database: Database, app: App, other_app: App) -> None:
    set_cursors(database, app, f"100:{CDR_FILE}")
    set_cursors(database, other_app, "200:/x.csv")
    with database.read_transaction() as connection:
        [(cursor, read_at)] = ingest_state.list_cursors(connection, app)
        assert (cursor.path, cursor.offset, cursor.line, read_at) == (f"100:{CDR_FILE}", 700, 7, NOW + SECOND)
        assert cursor.started_at == NOW - timedelta(days=1)  # later passes do not change it
        assert ingest_state.find_cursor(connection, app, f"100:{CDR_FILE}") == cursor


def test_the_cursor_of_the_latest_read_is_listed_first(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for number in (2, 3, 1):
            cursor = SourceCursor(path=f"{number}", first_line="", offset=0, line=0)
            ingest_state.set_cursor(connection, app, cursor, NOW + number * SECOND)
        assert [cursor.path for cursor, _ in ingest_state.list_cursors(connection, app, 2)] == ["3", "2"]


def test_a_reread_resets_the_cursors_of_every_account_and_deletes_the_rejections(
    database: Database, app: App, other_app: App
) -> None:
    for owner in (app, other_app):
        set_cursors(
            database, owner, f"100:{CDR_FILE}", f"200:{CDR_FILE}", f"100:/other{CDR_FILE}", f"100:{CDR_FILE}.old"
        )
        add_rejected_line(
            database, owner, CDR_FILE, f"{CDR_FILE}.1", f"{CDR_FILE}-20260504", f"{CDR_FILE}.old", "/a.wav"
        )
    assert request_reread(database, app, CDR_FILE) == (True, 3)
    requested = {
        f"100:{CDR_FILE}": True,
        f"200:{CDR_FILE}": True,
        f"100:/other{CDR_FILE}": False,
        f"100:{CDR_FILE}.old": False,
    }
    assert list_requested_files(database, app) == requested
    assert list_rejected_files(database, app) == {f"{CDR_FILE}.old", "/a.wav"}
    assert not any(list_requested_files(database, other_app).values())
    assert len(list_rejected_files(database, other_app)) == 5


def test_a_rotated_file_that_is_a_source_itself_keeps_its_rejections(database: Database, app: App) -> None:
    set_cursors(database, app, f"100:{CDR_FILE}", f"100:{CDR_FILE}.1")
    add_rejected_line(database, app, CDR_FILE, f"{CDR_FILE}.1", f"{CDR_FILE}.2")
    assert request_reread(database, app, CDR_FILE) == (True, 2)
    assert list_rejected_files(database, app) == {f"{CDR_FILE}.1"}


def test_a_reread_request_ends_with_the_first_pass(database: Database, app: App) -> None:
    set_cursors(database, app, f"100:{CDR_FILE}")
    request_reread(database, app, CDR_FILE)
    set_cursors(database, app, f"100:{CDR_FILE}")
    assert list_requested_files(database, app) == {f"100:{CDR_FILE}": False}


def test_a_reread_of_a_zip_is_requested_by_any_of_its_members_until_it_is_read(
    database: Database, app: App, other_app: App
) -> None:
    add_rejected_line(
        database,
        app,
        f"{EXPORT_ZIP}:call.csv",
        f"{EXPORT_ZIP}:in/record.csv",
        "/exports/b.zip:call.csv",
        "/exports/call.csv",
    )
    assert request_reread(database, other_app, f"{EXPORT_ZIP}:call.csv") == (False, 0)
    assert request_reread(database, app, f"{EXPORT_ZIP}:call.csv") == (True, 2)
    assert list_rejected_files(database, app) == {"/exports/b.zip:call.csv", "/exports/call.csv"}
    assert request_reread(database, app, "/exports/call.csv") == (True, 1)
    assert request_reread(database, app, EXPORT_ZIP) == (True, 0)  # a second request changes nothing
    with database.write_transaction() as connection:
        requested_at = NOW + MINUTE
        assert ingest_state.list_requested_rereads(connection, app) == [
            (EXPORT_ZIP, requested_at),
            ("/exports/call.csv", requested_at),
        ]
        assert ingest_state.list_requested_rereads(connection, other_app) == []
        ingest_state.clear_reread_request(connection, other_app, EXPORT_ZIP)
        ingest_state.clear_reread_request(connection, app, EXPORT_ZIP)
        assert ingest_state.list_requested_rereads(connection, app) == [("/exports/call.csv", requested_at)]


def test_a_rejected_file_is_read_again_and_an_ingested_or_reported_one_is_not(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for state in ("rejected", "ingested", "reported"):
            ingest_state.save_file_state(connection, app, f"/{state}.wav", 5, 6, state, "", NOW)
    add_rejected_line(database, app, "/rejected.wav", "/ingested.wav", "/reported.wav", line=0)
    results = {
        state: request_reread(database, app, f"/{state}.wav")
        for state in ("rejected", "ingested", "reported", "unknown")
    }
    assert results == {"rejected": (True, 1), "ingested": (False, 0), "reported": (False, 0), "unknown": (False, 0)}
    assert list_rejected_files(database, app) == {"/ingested.wav", "/reported.wav"}
    with database.write_transaction() as connection:
        assert ingest_state.find_known_files(connection, app, ["/rejected.wav"]) == {"/rejected.wav": (5, 6, "again")}
        ingest_state.save_file_state(connection, app, "/rejected.wav", 5, 6, "ingested", "", NOW)
        ingest_state.clear_reread_request(connection, app, "/rejected.wav")
        assert ingest_state.find_known_files(connection, app, ["/rejected.wav"]) == {
            "/rejected.wav": (5, 6, "ingested")
        }


@pytest.mark.parametrize("name", ["Master.csv.1", "Master.csv-20240115", "Master.csv.2024-01-15-10-00-00"])
def test_a_rotated_file_is_recognised_by_its_name(name: str) -> None:
    for readable in (name, f"{name}.gz"):
        assert is_rotated(readable, "Master.csv")
        assert not is_unreadable_rotation(readable, "Master.csv")
    assert is_unreadable_rotation(f"{name}.Z", "Master.csv")
    assert not is_rotated(f"{name}.Z", "Master.csv")


@pytest.mark.parametrize(
    "name", ["Master.csv", "Master.csv.old", "Master.csv.gz", "Other.csv.1", "Master.csv.1.bak.gz"]
)
def test_a_file_of_another_name_is_not_rotated(name: str) -> None:
    assert not is_rotated(name, "Master.csv")
    assert not is_unreadable_rotation(name, "Master.csv")


def test_the_container_of_a_zip_member_is_the_zip() -> None:
    assert container_of("/a:b.zip:c.csv") == "/a:b.zip"
    assert container_of("/a.zip/b.csv") == "/a.zip/b.csv"
    assert container_of("/a.csv:1.csv") == "/a.csv:1.csv"
    assert container_of("/a.ZIP:b.zip:c.CSV") == "/a.ZIP"
    assert container_of("/a.zip:b.txt") == "/a.zip:b.txt"
    assert container_of("/a.zip:csv") == "/a.zip:csv"

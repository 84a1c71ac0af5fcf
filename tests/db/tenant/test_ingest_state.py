"""Rows of ingest on both engines: cursors, files, rejections, expected recordings; each app has its own."""

import pytest
from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.system import ingest_totals
from ccfs.db.system.ingest_totals import IngestTotals
from ccfs.db.tenant.ingest import expected_recordings, ingest_state
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND

CDR_FILE = "/var/log/asterisk/cdr-csv/Master.csv"
FAR_OFFSET = 5 << 30  # exceeds 32 bits


def make_cursor(offset: int, first_line: str = "d1") -> SourceCursor:
    return SourceCursor(path=CDR_FILE, first_line=first_line, offset=offset, line=offset // 100)


def make_expected_recording(name: str, minutes: int = 0) -> ExpectedRecording:
    since, stem = NOW + minutes * MINUTE, name.removesuffix(".wav")
    return ExpectedRecording(account_id="100", name=name, path=name, stem=stem, call_id=f"c-{name}", since=since)


def find_calls(connection: Connection, app: App, account_id: str, stems: list[str]) -> dict[str, str]:
    """Return the callId of each expected recording of these stems, by its name."""
    expected = expected_recordings.find(connection, app, account_id, stems)
    return {row.name: row.call_id for row in expected}


def test_a_cursor_has_the_values_that_were_set_last(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        assert ingest_state.find_cursor(connection, app, CDR_FILE) is None
        ingest_state.set_cursor(connection, app, make_cursor(100), NOW)
        ingest_state.set_cursor(connection, app, make_cursor(FAR_OFFSET), NOW)
        ingest_state.set_cursor(connection, other_app, make_cursor(7, "d2"), NOW)
    with database.read_transaction() as connection:
        assert ingest_state.find_cursor(connection, app, CDR_FILE) == make_cursor(FAR_OFFSET)
        assert ingest_state.find_cursor(connection, other_app, CDR_FILE) == make_cursor(7, "d2")


def test_a_cursor_is_rolled_back_with_its_rows(database: Database, app: App) -> None:
    def fail_after_cursor() -> None:
        with database.write_transaction() as connection:
            ingest_state.set_cursor(connection, app, make_cursor(100), NOW)
            raise RuntimeError("the rows could not be added")

    with pytest.raises(RuntimeError):
        fail_after_cursor()
    with database.read_transaction() as connection:
        assert ingest_state.find_cursor(connection, app, CDR_FILE) is None


def test_a_rejection_is_stored_once_with_its_first_kilobyte(database: Database, app: App, other_app: App) -> None:
    line = IngestRejection(file=CDR_FILE, line=7, reason="17 columns, not 18", raw=b"\xff\x00" * 1000)
    whole = IngestRejection(file=CDR_FILE, line=0, reason="not a text")
    with database.write_transaction() as connection:
        assert ingest_state.add_rejections(connection, app, [line, whole, line], NOW) == [line, whole]
        assert ingest_state.add_rejections(connection, app, [line], NOW + SECOND) == []
        assert ingest_state.add_rejections(connection, other_app, [line], NOW) == [line]
    with database.read_transaction() as connection:
        rejections = [row[1:] for row in ingest_state.list_rejections(connection, app)]
        assert rejections == [
            (whole, NOW),
            (IngestRejection(file=CDR_FILE, line=7, reason="17 columns, not 18", raw=b"\xff\x00" * 512), NOW),
        ]
        assert [rejection for _, rejection, _ in ingest_state.list_rejections(connection, app, limit=1)] == [whole]


def test_a_file_has_the_state_that_was_saved_last(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        ingest_state.save_file_state(
            connection, app, "a.wav", FAR_OFFSET, 1_700_000_000_123_456_789, "waiting", "", NOW
        )
        ingest_state.save_file_state(
            connection, app, "a.wav", FAR_OFFSET + 1, 1_700_000_000_123_456_790, "ingested", "", NOW
        )
        ingest_state.save_file_state(connection, app, "b.wav", 0, 1, "rejected", "empty", NOW)
        ingest_state.save_file_state(connection, other_app, "c.wav", 1, 1, "ingested", "", NOW)
    with database.read_transaction() as connection:
        assert ingest_state.find_known_files(connection, app, ["a.wav", "b.wav", "c.wav", "d.wav"]) == {
            "a.wav": (FAR_OFFSET + 1, 1_700_000_000_123_456_790, "ingested"),
            "b.wav": (0, 1, "rejected"),
        }


def test_a_folder_may_have_more_files_than_a_query_has_parameters(database: Database, app: App) -> None:
    names = [f"{number}.wav" for number in range(70_000)]  # PostgreSQL's limit is 65,535, SQLite's may be 32,766
    with database.write_transaction() as connection:
        ingest_state.save_file_state(connection, app, names[-1], 1, 1, "ingested", "", NOW)
        assert list(ingest_state.find_known_files(connection, app, names)) == [names[-1]]
        assert ingest_state.find_known_files(connection, app, []) == {}


def test_an_expected_recording_becomes_missing_once(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        expected_recordings.add(
            connection,
            app,
            [
                make_expected_recording("late.wav", 1),
                make_expected_recording("old.wav"),
                make_expected_recording("old.wav"),
            ],
        )
        expected_recordings.add(connection, other_app, [make_expected_recording("theirs.wav")])
        assert expected_recordings.list_missing(connection, app) == []
        assert expected_recordings.mark_missing(connection, app, NOW, NOW + MINUTE) == [
            make_expected_recording("old.wav")
        ]
        assert expected_recordings.mark_missing(connection, app, NOW, NOW + MINUTE) == []
        assert expected_recordings.list_missing(connection, app) == [make_expected_recording("old.wav")]
        assert expected_recordings.mark_missing(connection, app, NOW + MINUTE, NOW + MINUTE) == [
            make_expected_recording("late.wav", 1)
        ]
        assert expected_recordings.list_missing(connection, app) == [
            make_expected_recording("old.wav"),
            make_expected_recording("late.wav", 1),
        ]
        assert expected_recordings.list_missing(connection, other_app) == []


def test_a_recording_that_arrives_is_neither_expected_nor_missing(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        expected_recordings.add(
            connection, app, [make_expected_recording("a.wav"), make_expected_recording("b.wav", 5)]
        )
        expected_recordings.mark_missing(connection, app, NOW, NOW)
        names = ["a", "b", "c"]
        assert find_calls(connection, app, "100", names) == {
            "a.wav": "c-a.wav",
            "b.wav": "c-b.wav",
        }
        assert find_calls(connection, app, "100", []) == {}
        assert find_calls(connection, app, "200", names) == {}
        assert find_calls(connection, other_app, "100", names) == {}
        expected_recordings.mark_arrived(connection, other_app, "100", ["a"], "c-a.wav")
        expected_recordings.mark_arrived(connection, app, "200", ["a"], "c-a.wav")
        expected_recordings.mark_arrived(connection, app, "100", ["a"], "c-b.wav")
        assert expected_recordings.list_missing(connection, app) == [make_expected_recording("a.wav")]
        for stem in ("a", "b", "never-expected"):
            expected_recordings.mark_arrived(connection, app, "100", [stem], f"c-{stem}.wav")
        assert expected_recordings.list_missing(connection, app) == []
        assert find_calls(connection, app, "100", names) == {}


def test_totals_count_all_apps(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        assert ingest_totals.count_totals(connection) == IngestTotals(
            rejected=0, expected=0, missing=0, lost=0, last_read_at=None
        )
        ingest_state.add_rejections(connection, app, [IngestRejection(file=CDR_FILE, line=1, reason="odd")], NOW)
        expected_recordings.add(
            connection, app, [make_expected_recording("a.wav"), make_expected_recording("b.wav", 5)]
        )
        expected_recordings.add(connection, other_app, [make_expected_recording("c.wav")])
        expected_recordings.mark_missing(connection, app, NOW, NOW)
        ingest_state.set_cursor(connection, app, make_cursor(1), NOW)
        ingest_state.set_cursor(connection, other_app, make_cursor(1), NOW + SECOND)
        assert ingest_totals.count_totals(connection) == IngestTotals(
            rejected=1, expected=2, missing=1, lost=0, last_read_at=NOW + SECOND
        )

"""Rows of ingest on both engines: cursors, refusals, files, awaited recordings; each app has its own."""

import pytest

from ccfs.model.tenancy import App
from ccfs.store import intake
from ccfs.store.db import Database
from ccfs.store.intake import Awaited, Cursor, Refusal, State
from tests.store.given import MINUTE, NOW, SECOND

LOG = "/var/log/asterisk/cdr-csv/Master.csv"
FAR = 5 << 30  # further than 32 bits reach


def cursor(offset: int, first_line: str = "d1") -> Cursor:
    return Cursor(path=LOG, first_line=first_line, offset=offset, line=offset // 100)


def awaited(name: str, minutes: int = 0) -> Awaited:
    return Awaited(account_id="100", name=name, call_id=f"c-{name}", since=NOW + minutes * MINUTE)


def test_a_cursor_is_what_was_last_set(database: Database, app: App, other: App) -> None:
    with database.writing() as connection:
        assert intake.cursor(connection, app, LOG) is None
        intake.set_cursor(connection, app, cursor(100), NOW)
        intake.set_cursor(connection, app, cursor(FAR), NOW)
        intake.set_cursor(connection, other, cursor(7, "d2"), NOW)
    with database.reading() as connection:
        assert intake.cursor(connection, app, LOG) == cursor(FAR)
        assert intake.cursor(connection, other, LOG) == cursor(7, "d2")


def test_a_cursor_goes_with_what_was_read(database: Database, app: App) -> None:
    def fails_late() -> None:
        with database.writing() as connection:
            intake.set_cursor(connection, app, cursor(100), NOW)
            raise RuntimeError("the rows could not be kept")

    with pytest.raises(RuntimeError):
        fails_late()
    with database.reading() as connection:
        assert intake.cursor(connection, app, LOG) is None


def test_a_refusal_is_kept_once_with_its_first_kilobyte(database: Database, app: App, other: App) -> None:
    line = Refusal(file=LOG, line=7, reason="17 columns, not 18", raw=b"\xff\x00" * 1000)
    whole = Refusal(file=LOG, line=0, reason="not a text")
    with database.writing() as connection:
        assert intake.refuse(connection, app, [line, whole, line], NOW) == [line, whole]
        assert intake.refuse(connection, app, [line], NOW + SECOND) == []
        assert intake.refuse(connection, other, [line], NOW) == [line]
    with database.reading() as connection:
        found = [(refusal, when) for _, refusal, when in intake.refusals(connection, app)]
        assert found == [
            (whole, NOW),
            (Refusal(file=LOG, line=7, reason="17 columns, not 18", raw=b"\xff\x00" * 512), NOW),
        ]
        assert [refusal for _, refusal, _ in intake.refusals(connection, app, limit=1)] == [whole]


def test_a_file_is_known_as_it_was_last_seen(database: Database, app: App, other: App) -> None:
    with database.writing() as connection:
        intake.note_file(connection, app, "a.wav", FAR, 1_700_000_000_123_456_789, "waiting", "", NOW)
        intake.note_file(connection, app, "a.wav", FAR + 1, 1_700_000_000_123_456_790, "taken", "", NOW)
        intake.note_file(connection, app, "b.wav", 0, 1, "refused", "empty", NOW)
        intake.note_file(connection, other, "c.wav", 1, 1, "taken", "", NOW)
    with database.reading() as connection:
        assert intake.known_files(connection, app, ["a.wav", "b.wav", "c.wav", "d.wav"]) == {
            "a.wav": (FAR + 1, 1_700_000_000_123_456_790, "taken"),
            "b.wav": (0, 1, "refused"),
        }


def test_a_folder_may_hold_more_files_than_a_question_has_parameters(database: Database, app: App) -> None:
    names = [f"{number}.wav" for number in range(70_000)]  # PostgreSQL's limit is 65,535, SQLite's may be 32,766
    with database.writing() as connection:
        intake.note_file(connection, app, names[-1], 1, 1, "taken", "", NOW)
        assert list(intake.known_files(connection, app, names)) == [names[-1]]
        assert intake.known_files(connection, app, []) == {}


def test_what_stays_away_is_listed_as_missing_once(database: Database, app: App, other: App) -> None:
    with database.writing() as connection:
        intake.await_recordings(connection, app, [awaited("late.wav", 1), awaited("old.wav"), awaited("old.wav")])
        intake.await_recordings(connection, other, [awaited("theirs.wav")])
        assert intake.missing(connection, app) == []
        assert intake.list_missing(connection, app, NOW, NOW + MINUTE) == [awaited("old.wav")]
        assert intake.list_missing(connection, app, NOW, NOW + MINUTE) == []
        assert intake.missing(connection, app) == [awaited("old.wav")]
        assert intake.list_missing(connection, app, NOW + MINUTE, NOW + MINUTE) == [awaited("late.wav", 1)]
        assert intake.missing(connection, app) == [awaited("old.wav"), awaited("late.wav", 1)]
        assert intake.missing(connection, other) == []


def test_what_comes_is_awaited_no_longer_missing_or_not(database: Database, app: App, other: App) -> None:
    with database.writing() as connection:
        intake.await_recordings(connection, app, [awaited("a.wav"), awaited("b.wav", 5)])
        intake.list_missing(connection, app, NOW, NOW)
        names = ["a.wav", "b.wav", "c.wav"]
        assert intake.awaited_calls(connection, app, "100", names) == {"a.wav": "c-a.wav", "b.wav": "c-b.wav"}
        assert intake.awaited_calls(connection, app, "100", []) == {}
        assert intake.awaited_calls(connection, app, "200", names) == {}
        assert intake.awaited_calls(connection, other, "100", names) == {}
        intake.came(connection, other, "100", "a.wav")
        intake.came(connection, app, "200", "a.wav")
        assert intake.missing(connection, app) == [awaited("a.wav")]
        for name in ("a.wav", "b.wav", "never-awaited.wav"):
            intake.came(connection, app, "100", name)
        assert intake.missing(connection, app) == []
        assert intake.awaited_calls(connection, app, "100", names) == {}


def test_the_state_counts_over_all_apps(database: Database, app: App, other: App) -> None:
    with database.writing() as connection:
        assert intake.state(connection) == State(refused=0, waiting=0, missing=0, read_at=None)
        intake.refuse(connection, app, [Refusal(file=LOG, line=1, reason="odd")], NOW)
        intake.await_recordings(connection, app, [awaited("a.wav"), awaited("b.wav", 5)])
        intake.await_recordings(connection, other, [awaited("c.wav")])
        intake.list_missing(connection, app, NOW, NOW)
        intake.set_cursor(connection, app, cursor(1), NOW)
        intake.set_cursor(connection, other, cursor(1), NOW + SECOND)
        assert intake.state(connection) == State(refused=1, waiting=2, missing=1, read_at=NOW + SECOND)

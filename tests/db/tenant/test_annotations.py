"""Rows of marks and waveforms on both engines: whose they are, how many are kept, and that they go with the recording."""

from datetime import timedelta

import pytest

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant import annotations, recordings, waveforms
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.sample_rows import NOW, SECOND

ONE, TWO = sample_rows.make_recording(1), sample_rows.make_recording(2)


@pytest.fixture(autouse=True)
def _two_apps(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for one in (ONE, TWO):
            recordings.add(connection, app, one, NOW)
        other = sample_rows.add_app(connection, "bolt")
        recordings.add(connection, other, ONE, NOW)
        annotations.add(connection, other, ONE, 5, "theirs", "basil", NOW)
        waveforms.save(connection, other, ONE, (1, 1, b"theirs"), NOW)


def test_marks_come_in_order_of_time_and_of_one_s_own_app(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for at, text in ((2000, "second"), (1000, "first")):
            assert annotations.add(connection, app, ONE, at, text, "lucy", NOW)
        found = annotations.list_by_recordings(connection, app, [ONE, TWO])
        assert [(one.offset_ms, one.text, one.author, one.created_at) for one in found[ONE.file_name]] == [
            (1000, "first", "lucy", NOW),
            (2000, "second", "lucy", NOW),
        ]
        assert list(found) == [ONE.file_name]


def test_a_mark_is_removed_by_its_owner_or_by_who_may_all(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        annotations.add(connection, app, ONE, 1, "a", "lucy", NOW)
        [mark] = annotations.list_by_recordings(connection, app, [ONE])[ONE.file_name]
        for recording, who in ((ONE, "emil"), (TWO, "lucy"), (TWO, None)):
            assert annotations.delete(connection, app, recording, mark.id, who) is None
        assert annotations.delete(connection, app, ONE, mark.id, None) == mark
        assert annotations.list_by_recordings(connection, app, [ONE]) == {}


def test_a_waveform_is_kept_once_and_of_an_app_the_latest(
    database: Database, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waveforms, "MAX_PER_APP", 2)
    three = sample_rows.make_recording(3)
    with database.write_transaction() as connection:
        recordings.add(connection, app, three, NOW)
        for number, one in enumerate((ONE, ONE, TWO, three)):
            waveforms.save(connection, app, one, (number, 1, bytes([number])), NOW + number * SECOND)
        assert waveforms.get(connection, app, ONE) is None
        assert waveforms.get(connection, app, TWO) == (2, 1, b"\2")
        assert waveforms.get(connection, app, three) == (3, 1, b"\3")
        assert len(connection.execute(schema.waveforms.select()).all()) == 3  # and the other app's is there


def test_both_go_with_their_recording(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        annotations.add(connection, app, ONE, 1, "a", "lucy", NOW + timedelta(days=1))
        waveforms.save(connection, app, ONE, (1, 1, b"x"), NOW)
        connection.execute(schema.recordings.delete().where(schema.recordings.c.app == app.id))
        maintenance.delete_rows_without_recording(connection)
        assert len(connection.execute(schema.annotations.select()).all()) == 1
        assert len(connection.execute(schema.waveforms.select()).all()) == 1

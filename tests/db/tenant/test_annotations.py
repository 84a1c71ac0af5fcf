"""Rows of annotations and waveforms on both engines: their app, their limits, and deletion with the recording."""

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
def _recordings_of_two_apps(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for recording in (ONE, TWO):
            recordings.add(connection, app, recording, NOW)
        other = sample_rows.add_app(connection, "bolt")
        recordings.add(connection, other, ONE, NOW)
        annotations.add(connection, other, ONE, 5, "theirs", "basil", NOW)
        waveforms.save(connection, other, ONE, (1, 1, b"theirs"), NOW)


def test_annotations_are_of_the_app_and_in_order_of_their_offset(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for offset_ms, text in ((2000, "second"), (1000, "first")):
            assert annotations.add(connection, app, ONE, offset_ms, text, "lucy", NOW)
        rows = annotations.list_by_recordings(connection, app, [ONE, TWO])
        assert [(row.offset_ms, row.text, row.author, row.created_at) for row in rows[ONE.file_name]] == [
            (1000, "first", "lucy", NOW),
            (2000, "second", "lucy", NOW),
        ]
        assert list(rows) == [ONE.file_name]


def test_an_annotation_is_deleted_by_its_author_or_without_an_author(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        annotations.add(connection, app, ONE, 1, "a", "lucy", NOW)
        [annotation] = annotations.list_by_recordings(connection, app, [ONE])[ONE.file_name]
        for recording, author in ((ONE, "emil"), (TWO, "lucy"), (TWO, None)):
            assert annotations.delete(connection, app, recording, annotation.id, author) is None
        assert annotations.delete(connection, app, ONE, annotation.id, None) == annotation
        assert annotations.list_by_recordings(connection, app, [ONE]) == {}


def test_a_waveform_is_stored_once_and_an_app_keeps_the_latest(
    database: Database, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waveforms, "MAX_PER_APP", 2)
    three = sample_rows.make_recording(3)
    with database.write_transaction() as connection:
        recordings.add(connection, app, three, NOW)
        for number, recording in enumerate((ONE, ONE, TWO, three)):
            waveforms.save(connection, app, recording, (number, 1, bytes([number])), NOW + number * SECOND)
        assert waveforms.get(connection, app, ONE) is None
        assert waveforms.get(connection, app, TWO) == (2, 1, b"\2")
        assert waveforms.get(connection, app, three) == (3, 1, b"\3")
        assert len(connection.execute(schema.waveforms.select()).all()) == 3  # with the other app's


def test_annotations_and_waveforms_are_deleted_after_their_recording(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        annotations.add(connection, app, ONE, 1, "a", "lucy", NOW + timedelta(days=1))
        waveforms.save(connection, app, ONE, (1, 1, b"x"), NOW)
        connection.execute(schema.recordings.delete().where(schema.recordings.c.app == app.id))
        maintenance.delete_rows_without_recording(connection)
        assert len(connection.execute(schema.annotations.select()).all()) == 1
        assert len(connection.execute(schema.waveforms.select()).all()) == 1

"""Rows of annotations and waveforms on both engines: their app, their limits, and deletion with the recording."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant import annotations, recordings, waveforms
from ccfs.db.tenant.annotations import AddResult, AnnotationSearch
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.annotation import AnnotationDraft
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
        annotations.add(connection, other, ONE, AnnotationDraft(offset_ms=5, text="theirs"), "basil", NOW)
        waveforms.save(connection, other, ONE, (1, 1, b"theirs"), NOW)


def test_annotations_are_of_the_app_and_in_order_of_their_offset(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for offset_ms, text in ((2000, "second"), (1000, "first")):
            assert annotations.add(connection, app, ONE, AnnotationDraft(offset_ms=offset_ms, text=text), "lucy", NOW)[
                1
            ]
        rows = annotations.list_by_recordings(connection, app, [ONE, TWO])
        assert [(row.offset_ms, row.text, row.author, row.created_at) for row in rows[ONE.file_name]] == [
            (1000, "first", "lucy", NOW),
            (2000, "second", "lucy", NOW),
        ]
        assert list(rows) == [ONE.file_name]


def test_an_annotation_is_deleted_by_its_author_or_without_an_author(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        annotations.add(connection, app, ONE, AnnotationDraft(offset_ms=1, text="a"), "lucy", NOW)
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
        annotations.add(connection, app, ONE, AnnotationDraft(offset_ms=1, text="a"), "lucy", NOW + timedelta(days=1))
        waveforms.save(connection, app, ONE, (1, 1, b"x"), NOW)
        connection.execute(schema.recordings.delete().where(schema.recordings.c.app == app.id))
        maintenance.delete_rows_without_recording(connection)
        assert len(connection.execute(schema.annotations.select()).all()) == 1
        assert len(connection.execute(schema.waveforms.select()).all()) == 1


def test_a_search_finds_each_annotation_of_the_account_once_page_by_page(database: Database, app: App) -> None:
    account = ONE.account_id
    everything = AnnotationSearch(account_id=account, begin=NOW - SECOND, end=NOW + timedelta(days=1))
    with database.write_transaction() as connection:
        for number in range(5):
            draft = AnnotationDraft(offset_ms=number, text=f"Ärger {number}", tags=("a_b", f"t{number}"))
            added = annotations.add(connection, app, (ONE, TWO)[number % 2], draft, "lucy", NOW + number // 2 * SECOND)
            assert added[0] is AddResult.ADDED
        pages, cursor = [], None
        while page := annotations.search(connection, app, replace(everything, cursor=cursor), 2):
            pages.append([found.annotation.offset_ms for found in page])
            cursor = (page[-1].annotation.created_at, page[-1].annotation.id)
        assert pages == [[4, 3], [2, 1], [0]]
        assert {found.call_id for found in annotations.search(connection, app, everything, 9)} == {
            ONE.call_id,
            TWO.call_id,
        }

        def count(**more: str) -> int:
            return len(annotations.search(connection, app, replace(everything, **more), 9))  # type: ignore[arg-type]

        assert [count(text="äRGER 3"), count(tag="t3"), count(tag="axb"), count(tag="a_b")] == [1, 1, 0, 5]
        assert [count(author="emil"), count(account_id="other"), count(tag="t3", text="2")] == [0, 0, 0]


def test_an_annotation_sent_twice_is_added_once(database: Database, app: App) -> None:
    draft, moment = AnnotationDraft(offset_ms=1, end_ms=5, text="a"), AnnotationDraft(offset_ms=1, text="a")
    with database.write_transaction() as connection:
        first = annotations.add(connection, app, ONE, draft, "lucy", NOW)
        assert annotations.add(connection, app, ONE, draft, "lucy", NOW + SECOND) == (AddResult.REPEATED, first[1])
        for other in ((ONE, moment, "lucy", NOW), (ONE, draft, "emil", NOW), (ONE, draft, "lucy", NOW + 60 * SECOND)):
            assert annotations.add(connection, app, *other)[0] is AddResult.ADDED

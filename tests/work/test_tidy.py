"""Tidying on both engines: what a crash cut short is finished, and what cannot be finished holds up nothing else."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ccfs.model.tenancy import App
from ccfs.model.voice_file import VoiceFile
from ccfs.store import lockouts, play_tokens, recordings, voice_files
from ccfs.store.db import Database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Gone
from ccfs.work.tidy import BATCH, finish_deletions, tidy
from tests.store import given
from tests.store.given import MINUTE, NOW, SECOND

WEEK = timedelta(days=7)


@pytest.fixture
def app(database: Database) -> App:
    """Whose files they are."""
    with database.writing() as connection:
        return given.app(connection)


def kept(database: Database, disk: Disk, app: App, name: str, location_id: str = "0") -> VoiceFile:
    """A voice file with its bytes."""
    file = given.voice_file(f"Y:/voice/8/{name}.wav")
    file = replace(file, kept=replace(disk.keep(file.kept.key, [b"audio"]), location_id=location_id))
    with database.writing() as connection:
        voice_files.add(connection, app, file)
    return file


def mark(database: Database, app: App, file: VoiceFile, now: datetime = NOW) -> None:
    with database.writing() as connection:
        assert voice_files.mark_deleted(connection, app, file, now)


def marked(database: Database) -> list[VoiceFile]:
    with database.reading() as connection:
        return [file for _, file in voice_files.deleted(connection, 1000)]


def is_there(disk: Disk, file: VoiceFile) -> bool:
    try:
        return disk.size(file.kept.key) > 0
    except Gone:
        return False


def test_a_deletion_that_ended_after_its_mark_is_finished(database: Database, disk: Disk, app: App) -> None:
    dead, alive = kept(database, disk, app, "dead"), kept(database, disk, app, "alive")
    mark(database, app, dead)
    tidy(database, {"0": disk}, NOW, MINUTE, WEEK)
    assert not is_there(disk, dead)
    assert marked(database) == []
    assert is_there(disk, alive)
    with database.reading() as connection:
        assert voice_files.by_name(connection, app, alive.file_name) == alive


def test_a_deletion_that_ended_after_the_bytes_went_is_finished(database: Database, disk: Disk, app: App) -> None:
    file = kept(database, disk, app, "dead")
    mark(database, app, file)
    disk.remove(file.kept.key)
    assert finish_deletions(database, {"0": disk}, NOW) == 1
    assert marked(database) == []
    assert finish_deletions(database, {"0": disk}, NOW) == 0


def test_bytes_that_cannot_go_keep_their_mark_and_hold_up_no_others(database: Database, disk: Disk, app: App) -> None:
    stuck = [kept(database, disk, app, f"s{number}", location_id="9") for number in range(BATCH)]
    for file in stuck:
        mark(database, app, file)
    last = kept(database, disk, app, "last")
    mark(database, app, last, NOW + SECOND)
    assert finish_deletions(database, {"0": disk}, NOW + MINUTE) == 0  # the stuck ones were first
    assert finish_deletions(database, {"0": disk}, NOW + MINUTE) == 1
    assert not is_there(disk, last)
    assert len(marked(database)) == BATCH
    with database.reading() as connection:
        assert voice_files.by_name(connection, app, stuck[0].file_name) is None
    assert finish_deletions(database, {"0": disk, "9": disk}, NOW + MINUTE) == BATCH  # the location is back
    assert marked(database) == []


def test_expired_tokens_and_old_failures_go(database: Database, disk: Disk, app: App) -> None:
    with database.writing() as connection:
        recordings.add(connection, app, given.recording(), NOW)
        for token, end in (("old", NOW), ("good", NOW + 2 * MINUTE)):
            play_tokens.add(connection, app, token, given.recording(), end)
        lockouts.count_failure(connection, "192.0.2.7", NOW, limit=3, period=MINUTE, lock=MINUTE)
    tidy(database, {"0": disk}, NOW + MINUTE, MINUTE, WEEK)
    with database.writing() as connection:
        assert play_tokens.recording_of(connection, "good", NOW + MINUTE) is not None
        assert play_tokens.forget_expired(connection, NOW + MINUTE) == 0
        assert lockouts.forget_old(connection, NOW + MINUTE, MINUTE) == 0

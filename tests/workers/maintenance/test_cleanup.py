"""Cleanup on both engines: interrupted deletions are finished, and a deletion that fails delays no other."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import lockouts, maintenance, play_tokens
from ccfs.db.system.jobs import blob_moves, export_jobs
from ccfs.db.tenant import exports, recordings, voice_files
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.workers.maintenance.cleanup import BATCH_SIZE, finish_voice_file_deletions, repair_times, run_cleanup
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_exports import make_export
from tests.workers.maintenance.steered_time import SteeredTime

WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture
def app(database: Database) -> App:
    """The app of the files."""
    with database.write_transaction() as connection:
        return sample_rows.add_app(connection)


def add_voice_file(database: Database, disk: DiskLocation, app: App, name: str, location_id: str = "0") -> VoiceFile:
    """Add a voice file with its bytes."""
    file = sample_rows.make_voice_file(f"Y:/voice/8/{name}.wav")
    file = replace(file, blob=replace(disk.write(file.blob.key, [b"audio"]), location_id=location_id))
    with database.write_transaction() as connection:
        voice_files.add(connection, app, file)
    return file


def mark_deleted(database: Database, app: App, file: VoiceFile, now: datetime = NOW) -> None:
    with database.write_transaction() as connection:
        assert voice_files.mark_deleted(connection, app, file, now)


def list_marked(database: Database) -> list[VoiceFile]:
    with database.read_transaction() as connection:
        return [file for _, file in maintenance.list_deleted_voice_files(connection, 1000)]


def exists(disk: DiskLocation, file: VoiceFile) -> bool:
    try:
        return disk.get_size(file.blob.key) > 0
    except BlobNotFound:
        return False


def test_a_voice_file_deletion_interrupted_after_its_mark_is_finished(
    database: Database, disk: DiskLocation, app: App
) -> None:
    deleted, active = add_voice_file(database, disk, app, "dead"), add_voice_file(database, disk, app, "alive")
    mark_deleted(database, app, deleted)
    run_cleanup(database, {"0": disk}, NOW, MINUTE, WEEK)
    assert not exists(disk, deleted)
    assert list_marked(database) == []
    assert exists(disk, active)
    with database.read_transaction() as connection:
        assert voice_files.find_by_name(connection, app, active.file_name) == active


def test_a_voice_file_deletion_interrupted_after_its_bytes_is_finished(
    database: Database, disk: DiskLocation, app: App
) -> None:
    file = add_voice_file(database, disk, app, "dead")
    mark_deleted(database, app, file)
    disk.delete(file.blob.key)
    assert finish_voice_file_deletions(database, {"0": disk}, NOW) == 1
    assert list_marked(database) == []
    assert finish_voice_file_deletions(database, {"0": disk}, NOW) == 0


def test_voice_files_that_cannot_be_deleted_stay_marked_and_delay_no_others(
    database: Database, disk: DiskLocation, app: App
) -> None:
    failing = [add_voice_file(database, disk, app, f"s{number}", location_id="9") for number in range(BATCH_SIZE)]
    for file in failing:
        mark_deleted(database, app, file)
    last = add_voice_file(database, disk, app, "last")
    mark_deleted(database, app, last, NOW + SECOND)
    assert finish_voice_file_deletions(database, {"0": disk}, NOW + MINUTE) == 0  # those that fail were first
    assert finish_voice_file_deletions(database, {"0": disk}, NOW + MINUTE) == 1
    assert not exists(disk, last)
    assert len(list_marked(database)) == BATCH_SIZE
    with database.read_transaction() as connection:
        assert voice_files.find_by_name(connection, app, failing[0].file_name) is None
    assert (
        finish_voice_file_deletions(database, {"0": disk, "9": disk}, NOW + MINUTE) == BATCH_SIZE
    )  # the location is back
    assert list_marked(database) == []


def test_expired_play_tokens_and_old_login_failures_are_deleted(
    database: Database, disk: DiskLocation, app: App
) -> None:
    with database.write_transaction() as connection:
        recordings.add(connection, app, sample_rows.make_recording(), NOW)
        for token, end in (("old", NOW), ("good", NOW + 2 * MINUTE)):
            play_tokens.add(connection, app, token, sample_rows.make_recording(), end)
        policy = lockouts.LockoutPolicy(limit=3, period=MINUTE, lock=MINUTE)
        lockouts.record_failure(connection, "192.0.2.7", NOW, policy)
    run_cleanup(database, {"0": disk}, NOW + MINUTE, MINUTE, WEEK)
    with database.write_transaction() as connection:
        assert play_tokens.resolve(connection, "good", NOW + MINUTE, 2 * MINUTE) is not None
        assert play_tokens.delete_expired(connection, NOW + MINUTE) == 0
        assert lockouts.delete_expired(connection, NOW + MINUTE, MINUTE) == 0


def test_the_file_of_an_export_is_marked_a_day_before_it_is_deleted(
    database: Database, disk: DiskLocation, app: App
) -> None:
    blob = add_ready_export(database, disk, app)

    def clean_up(after: timedelta) -> None:
        run_cleanup(database, {"0": disk}, NOW + after, MINUTE, WEEK)

    clean_up(WEEK - DAY + MINUTE)  # marks it
    clean_up(WEEK - MINUTE)
    assert is_stored(disk, blob)
    clean_up(WEEK + 2 * MINUTE)
    assert not is_stored(disk, blob)


def test_an_export_that_was_not_marked_for_a_day_stays(database: Database, disk: DiskLocation, app: App) -> None:
    blob = add_ready_export(database, disk, app)
    run_cleanup(database, {"0": disk}, NOW + 2 * WEEK, MINUTE, WEEK)  # a jump: it is only marked
    assert is_stored(disk, blob)
    run_cleanup(database, {"0": disk}, NOW + MINUTE, MINUTE, WEEK)  # the clock is right again: the mark is lifted
    run_cleanup(database, {"0": disk}, NOW + 2 * WEEK + DAY, MINUTE, WEEK)
    assert is_stored(disk, blob)


def add_ready_export(database: Database, disk: DiskLocation, app: App) -> BlobRef:
    """Add an export that became ready NOW, with its bytes."""
    blob = disk.write(f"{app.id}/export/a.zip", [b"zip"])
    with database.write_transaction() as connection:
        exports.add(connection, app, make_export(1, requested_at=NOW))
        claimed = export_jobs.claim(connection, NOW, "lease", MINUTE)
        assert claimed
        assert export_jobs.finish(connection, claimed, blob, NOW)
    return blob


def is_stored(disk: DiskLocation, blob: BlobRef) -> bool:
    return Path(disk.get_path(blob.key)).exists()


def test_the_times_of_orphans_are_repaired_only_while_the_clocks_agree(database: Database, app: App) -> None:
    time = SteeredTime(NOW)
    guard = time.create_guard(database)
    guard.check()
    waiting = OrphanedBlob(location_id="0", key="1/x", owner_table=BlobOwnerTable.EXPORTS, owner_row="x", app=app.id)
    with database.write_transaction() as connection:
        blob_moves.enqueue_orphan(connection, waiting, NOW + timedelta(hours=8))
    time.wall -= timedelta(days=3650)  # by which the orphan waits for ten years
    repair_times(database, time.wall, guard)
    time.wall += timedelta(days=3650)
    repair_times(database, time.wall, guard)
    assert get_due_times(database) == [NOW + timedelta(hours=8)]
    time.wall += timedelta(days=3650)
    with database.write_transaction() as connection:
        connection.execute(schema.orphaned_blobs.update().values(due_at=time.wall))  # by a clock that was ahead
    time.wall -= timedelta(days=3650)
    repair_times(database, time.wall, guard)
    assert get_due_times(database) == [NOW]


def get_due_times(database: Database) -> list[datetime]:
    with database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.orphaned_blobs.c.due_at)).scalars())

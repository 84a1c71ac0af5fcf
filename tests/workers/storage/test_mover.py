"""Moves between a disk and a bucket, on both engines: never a row without bytes, and in the end no bytes without a row."""

import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations
from ccfs.blobs.s3 import S3Location
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import maintenance
from ccfs.db.system.jobs import blob_moves
from ccfs.db.system.storage import locations
from ccfs.db.tenant import recordings, voice_files
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable
from ccfs.model.identity.tenancy import App
from ccfs.workers.storage.mover import COPY_LEASE, ORPHAN_LEASE, BlobMover
from tests.blobs import s3_locations
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND

GRACE = timedelta(minutes=10)
DAY = timedelta(days=1)


class MoverSetup:
    """A database, a disk "0", a bucket "1" and an app; tests set the clock."""

    def __init__(self, database: Database, folder: Path, bucket: LocationConfig, app: App) -> None:
        self.database, self.folder, self.bucket, self.app, self.now = database, folder, bucket, app, NOW + DAY
        self.disk, self.s3 = DiskLocation("0", folder), S3Location(bucket, s3_locations.make_s3_config())
        opened: dict[str, Location] = {"0": self.disk, "1": self.s3}
        with database.write_transaction() as connection:
            locations.add(connection, replace(bucket, id="0", kind=LocationKind.DISK))
        self.locations = Locations(database, "a", lambda config: opened[config.id])

    def create_mover(self) -> BlobMover:
        """Return a mover of this setup."""
        return BlobMover(database=self.database, locations=self.locations, now=lambda: self.now, grace=GRACE)

    def add_recordings(self, count: int, at: datetime = NOW, begin: int = 0) -> None:
        """Add recordings with their bytes on the disk."""
        for number in range(begin, begin + count):
            recording = sample_rows.make_recording(number)
            blob = self.disk.write(recording.blob.key, [b"sound", str(number).encode()])
            with self.database.write_transaction() as connection:
                recordings.add(connection, self.app, replace(recording, blob=blob), at)

    def get_blob_refs(self) -> dict[str, BlobRef]:
        """Return the blobs that recordings reference, by key."""
        with self.database.read_transaction() as connection:
            return {row.blob.key: row.blob for row in recordings.list_newest(connection, self.app, 1000)}

    def list_disk_owners(self) -> list[BlobOwner]:
        """Return the recordings whose bytes are on the disk."""
        with self.database.read_transaction() as connection:
            return blob_moves.list_owners_before(connection, BlobOwnerTable.RECORDINGS, "0", self.now, 1000)

    def list_disk_keys(self) -> set[str]:
        """Return the keys of the files on the disk."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    def assert_intact(self, *, at: str) -> None:
        """Check that every row references its own bytes in one location."""
        for blob in self.get_blob_refs().values():
            assert blob.location_id == at
            data = b"".join(self.locations[at].read(blob.key))
            assert (data, len(data)) == (b"sound" + blob.key.rpartition("/")[2].encode(), blob.size)


@pytest.fixture
def mover_setup(database_url: str, tmp_path: Path, s3_url: str) -> Iterator[MoverSetup]:
    """A setup without files."""
    database = open_database(database_url)
    upgrade(database)
    bucket = s3_locations.make_location_config(s3_url)
    with database.write_transaction() as connection:
        locations.add(connection, bucket)
        app = sample_rows.add_app(connection)
    yield MoverSetup(database, tmp_path / "files", bucket, app)
    database.close()


def test_a_moved_recording_is_in_the_target_and_its_original_is_deleted_later(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(40)
    result = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (result.files, result.size, result.skipped, result.missing, result.damaged) == (40, 40 * 7 - 10, 0, [], [])
    mover_setup.assert_intact(at="1")
    mover_setup.now += GRACE - SECOND
    assert mover_setup.create_mover().delete_orphans() == 0
    assert mover_setup.list_disk_keys() == set(mover_setup.get_blob_refs())  # for downloads in progress
    mover_setup.now += SECOND
    assert mover_setup.create_mover().delete_orphans() == 40
    assert mover_setup.list_disk_keys() == set()
    assert s3_locations.list_keys(mover_setup.bucket) == set(mover_setup.get_blob_refs())
    assert mover_setup.create_mover().delete_orphans() == 0


def test_an_original_in_a_bucket_stays_until_its_urls_expire(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(1)
    [key] = mover_setup.get_blob_refs()
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    mover_setup.now += GRACE
    mover_setup.create_mover().delete_orphans()
    url, url_grace = mover_setup.s3.presign(key, 600), timedelta(hours=8)
    assert replace(mover_setup.create_mover(), url_grace=url_grace).move("1", "0", mover_setup.now).files == 1
    mover_setup.now += url_grace - SECOND
    assert mover_setup.create_mover().delete_orphans() == 0
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.read() == b"sound0"
    mover_setup.now += SECOND
    assert mover_setup.create_mover().delete_orphans() == 1
    mover_setup.assert_intact(at="0")


def test_only_recordings_stored_before_the_given_time_are_moved(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    mover_setup.add_recordings(3, at=NOW + MINUTE, begin=2)
    assert mover_setup.create_mover().move("0", "1", NOW + MINUTE).files == 2
    assert sorted(blob.location_id for blob in mover_setup.get_blob_refs().values()) == ["0", "0", "0", "1", "1"]


def test_a_moved_voice_file_still_matches_its_first_location(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    blob = mover_setup.disk.write(file.blob.key, [b"hello"])
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, replace(file, blob=blob))
    assert mover_setup.create_mover().move("0", "1", mover_setup.now).files == 1
    with mover_setup.database.read_transaction() as connection:
        moved = voice_files.find_by_name(connection, mover_setup.app, file.file_name)
    assert moved is not None
    assert moved.blob == replace(blob, location_id="1")
    assert [moved.matches_location(location) for location in (None, 0, 1, 2)] == [True, True, True, False]


def test_damaged_and_missing_blobs_are_reported_and_not_moved(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(3)
    missing, damaged, good = sorted(mover_setup.get_blob_refs())
    mover_setup.disk.delete(missing)
    mover_setup.disk.write(damaged, [b"other"])
    result = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (result.files, result.missing, result.damaged) == (1, [missing], [damaged])
    assert {key: blob.location_id for key, blob in mover_setup.get_blob_refs().items()} == {
        missing: "0",
        damaged: "0",
        good: "1",
    }
    mover_setup.create_mover().delete_orphans()
    assert s3_locations.list_keys(mover_setup.bucket) == {good}


def test_a_copy_leased_by_another_process_is_skipped_until_the_lease_ends(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    owner = mover_setup.list_disk_owners()[0]
    with mover_setup.database.write_transaction() as connection:
        assert blob_moves.claim_copy(connection, owner, "1", "theirs", mover_setup.now, mover_setup.now + COPY_LEASE)
    mover_setup.s3.write(owner.blob.key, [b"half of it"])  # and then it died
    result = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (result.files, result.skipped) == (1, 1)
    mover_setup.now += COPY_LEASE
    assert mover_setup.create_mover().move("0", "1", mover_setup.now).files == 1
    mover_setup.assert_intact(at="1")
    with mover_setup.database.write_transaction() as connection:
        assert not blob_moves.repoint(connection, owner, "1", "theirs", mover_setup.now, mover_setup.now)


def test_the_copy_of_a_process_that_died_is_deleted(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(1)
    [owner] = mover_setup.list_disk_owners()
    with mover_setup.database.write_transaction() as connection:
        assert blob_moves.claim_copy(connection, owner, "1", "theirs", mover_setup.now, mover_setup.now + COPY_LEASE)
    mover_setup.s3.write(owner.blob.key, [b"sound0"])
    mover_setup.now += COPY_LEASE
    assert mover_setup.create_mover().delete_orphans() == 1
    assert s3_locations.list_keys(mover_setup.bucket) == set()
    mover_setup.assert_intact(at="0")


def test_a_voice_file_that_is_deleted_while_it_is_copied_leaves_no_copy(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    file = replace(file, blob=mover_setup.disk.write(file.blob.key, [b"hello"]))
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, file)
        [owner] = blob_moves.list_owners_before(connection, BlobOwnerTable.VOICE_FILES, "0", mover_setup.now, 10)
        assert blob_moves.claim_copy(connection, owner, "1", "ours", mover_setup.now, mover_setup.now + COPY_LEASE)
        mover_setup.s3.write(owner.blob.key, [b"hello"])
        assert voice_files.mark_deleted(connection, mover_setup.app, file, mover_setup.now)
        assert not blob_moves.repoint(connection, owner, "1", "ours", mover_setup.now, mover_setup.now + GRACE)
    assert mover_setup.create_mover().delete_orphans() == 1
    assert s3_locations.list_keys(mover_setup.bucket) == set()


def test_a_voice_file_deletion_that_began_before_a_move_ends_in_the_new_location(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    file = replace(file, blob=mover_setup.disk.write(file.blob.key, [b"hello"]))
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, file)
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    with mover_setup.database.write_transaction() as connection:
        voice_files.mark_deleted(connection, mover_setup.app, file, mover_setup.now)
        voice_files.delete_row(connection, mover_setup.app, file)  # with the blob that was on the disk
        [(_, pending)] = maintenance.list_deleted_voice_files(connection, 10)
    assert pending.blob.location_id == "1"


def test_a_blob_is_not_moved_back_before_its_original_is_deleted(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert mover_setup.create_mover().move("1", "0", mover_setup.now).skipped == 2
    mover_setup.now += GRACE
    assert mover_setup.create_mover().move("1", "0", mover_setup.now).files == 2
    mover_setup.assert_intact(at="0")
    assert mover_setup.create_mover().delete_orphans() == 0  # the new move leases the orphans
    mover_setup.now += GRACE
    assert mover_setup.create_mover().delete_orphans() == 2
    assert (mover_setup.list_disk_keys(), s3_locations.list_keys(mover_setup.bucket)) == (
        set(mover_setup.get_blob_refs()),
        set(),
    )


def test_several_movers_at_once_move_each_blob_once(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(60)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: mover_setup.create_mover().move("0", "1", mover_setup.now), range(3)))
    assert sum(result.files for result in results) == 60
    mover_setup.assert_intact(at="1")


def test_an_unreachable_location_ends_the_move_and_loses_nothing(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(3)
    unreachable = replace(mover_setup.bucket, id="2", endpoint="http://127.0.0.1:1")
    with mover_setup.database.write_transaction() as connection:
        locations.add(connection, unreachable)
    s3 = S3Location(unreachable, s3_locations.make_s3_config(1, 0))
    opened: dict[str, Location] = {"0": mover_setup.disk, "2": s3}
    mover_setup.locations = Locations(mover_setup.database, "a", lambda config: opened[config.id])
    with pytest.raises(LocationUnreachable):
        mover_setup.create_mover().move("0", "2", mover_setup.now)
    mover_setup.assert_intact(at="0")
    assert mover_setup.create_mover().delete_orphans() == 0  # the copies cannot be deleted
    mover_setup.locations = Locations(
        mover_setup.database, "a", lambda config: mover_setup.s3 if config.id != "0" else mover_setup.disk
    )
    mover_setup.now += ORPHAN_LEASE
    assert mover_setup.create_mover().delete_orphans() == 3

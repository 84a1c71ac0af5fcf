"""Moving bytes between a disk and a bucket, on both engines: never a row without bytes, and in the end no bytes without a
row, whoever else works at it, and wherever it was cut short."""

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
from ccfs.db.system import blob_moves, locations, maintenance
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
    """A database, a disk "0" and a bucket "1", an app, and a clock that is set by hand."""

    def __init__(self, database: Database, folder: Path, bucket: LocationConfig, app: App) -> None:
        self.database, self.folder, self.bucket, self.app, self.now = database, folder, bucket, app, NOW + DAY
        self.disk, self.s3 = DiskLocation("0", folder), S3Location(bucket, s3_locations.make_s3_config())
        there: dict[str, Location] = {"0": self.disk, "1": self.s3}
        with database.write_transaction() as connection:
            locations.add(connection, replace(bucket, id="0", kind=LocationKind.DISK))
        self.locations = Locations(database, "a", lambda place: there[place.id])

    def create_mover(self) -> BlobMover:
        """A mover of this yard."""
        return BlobMover(database=self.database, locations=self.locations, now=lambda: self.now, grace=GRACE)

    def add_recordings(self, count: int, at: datetime = NOW, begin: int = 0) -> None:
        """Recordings on the disk, with their bytes."""
        for number in range(begin, begin + count):
            one = sample_rows.make_recording(number)
            kept = self.disk.write(one.blob.key, [b"sound", str(number).encode()])
            with self.database.write_transaction() as connection:
                recordings.add(connection, self.app, replace(one, blob=kept), at)

    def get_blob_refs(self) -> dict[str, BlobRef]:
        """What the rows of recordings name, by key."""
        with self.database.read_transaction() as connection:
            return {one.blob.key: one.blob for one in recordings.list_newest(connection, self.app, 1000)}

    def list_held(self) -> list[BlobOwner]:
        """The recordings that lie on the disk."""
        with self.database.read_transaction() as connection:
            return blob_moves.list_owners_before(connection, BlobOwnerTable.RECORDINGS, "0", self.now, 1000)

    def list_disk_keys(self) -> set[str]:
        """Keys of the files on the disk."""
        found = {path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file()}
        return {path.as_posix() for path in found}

    def assert_intact(self, *, at: str) -> None:
        """Every row names bytes that are there and are its own, at one location."""
        for kept in self.get_blob_refs().values():
            assert kept.location_id == at
            data = b"".join(self.locations[at].read(kept.key))
            assert (data, len(data)) == (b"sound" + kept.key.rpartition("/")[2].encode(), kept.size)


@pytest.fixture
def mover_setup(database_url: str, tmp_path: Path, s3_url: str) -> Iterator[MoverSetup]:
    """A yard without files."""
    database = open_database(database_url)
    upgrade(database)
    bucket = s3_locations.make_location_config(s3_url)
    with database.write_transaction() as connection:
        locations.add(connection, bucket)
        app = sample_rows.add_app(connection)
    yield MoverSetup(database, tmp_path / "files", bucket, app)
    database.close()


def test_what_is_moved_is_served_from_there_and_leaves_later(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(40)
    done = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (done.files, done.size, done.skipped, done.missing, done.damaged) == (40, 40 * 7 - 10, 0, [], [])
    mover_setup.assert_intact(at="1")
    mover_setup.now += GRACE - SECOND
    assert mover_setup.create_mover().delete_orphans() == 0
    assert mover_setup.list_disk_keys() == set(mover_setup.get_blob_refs())  # for downloads under way
    mover_setup.now += SECOND
    assert mover_setup.create_mover().delete_orphans() == 40
    assert mover_setup.list_disk_keys() == set()
    assert s3_locations.list_keys(mover_setup.bucket) == set(mover_setup.get_blob_refs())
    assert mover_setup.create_mover().delete_orphans() == 0


def test_what_leaves_a_bucket_stays_as_long_as_urls_to_it_are_good(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(1)
    [key] = mover_setup.get_blob_refs()
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    mover_setup.now += GRACE
    mover_setup.create_mover().delete_orphans()
    url, urls = mover_setup.s3.presign(key, 600), timedelta(hours=8)
    assert replace(mover_setup.create_mover(), url_grace=urls).move("1", "0", mover_setup.now).files == 1
    mover_setup.now += urls - SECOND
    assert mover_setup.create_mover().delete_orphans() == 0
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"sound0"
    mover_setup.now += SECOND
    assert mover_setup.create_mover().delete_orphans() == 1
    mover_setup.assert_intact(at="0")


def test_only_what_is_older_is_moved(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    mover_setup.add_recordings(3, at=NOW + MINUTE, begin=2)
    assert mover_setup.create_mover().move("0", "1", NOW + MINUTE).files == 2
    assert sorted(kept.location_id for kept in mover_setup.get_blob_refs().values()) == ["0", "0", "0", "1", "1"]


def test_voice_files_are_moved_and_known_where_they_were_first(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    kept = mover_setup.disk.write(file.blob.key, [b"hello"])
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, replace(file, blob=kept))
    assert mover_setup.create_mover().move("0", "1", mover_setup.now).files == 1
    with mover_setup.database.read_transaction() as connection:
        found = voice_files.find_by_name(connection, mover_setup.app, file.file_name)
    assert found is not None
    assert found.blob == replace(kept, location_id="1")
    assert [found.matches_location(place) for place in (None, 0, 1, 2)] == [True, True, True, False]


def test_what_is_damaged_or_gone_is_told_and_stays(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(3)
    gone, damaged, good = sorted(mover_setup.get_blob_refs())
    mover_setup.disk.delete(gone)
    mover_setup.disk.write(damaged, [b"other"])
    done = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (done.files, done.missing, done.damaged) == (1, [gone], [damaged])
    assert {key: kept.location_id for key, kept in mover_setup.get_blob_refs().items()} == {
        gone: "0",
        damaged: "0",
        good: "1",
    }
    mover_setup.create_mover().delete_orphans()
    assert s3_locations.list_keys(mover_setup.bucket) == {good}


def test_what_another_process_has_in_hand_is_left_until_its_lease_ends(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    taken = mover_setup.list_held()[0]
    with mover_setup.database.write_transaction() as connection:
        assert blob_moves.claim_copy(connection, taken, "1", "theirs", mover_setup.now, mover_setup.now + COPY_LEASE)
    mover_setup.s3.write(taken.blob.key, [b"half of it"])  # and then it died
    done = mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert (done.files, done.skipped) == (1, 1)
    mover_setup.now += COPY_LEASE
    assert mover_setup.create_mover().move("0", "1", mover_setup.now).files == 1
    mover_setup.assert_intact(at="1")
    with mover_setup.database.write_transaction() as connection:
        assert not blob_moves.repoint(connection, taken, "1", "theirs", mover_setup.now, mover_setup.now)


def test_the_copy_of_a_process_that_died_is_swept_if_nobody_goes_on(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(1)
    [one] = mover_setup.list_held()
    with mover_setup.database.write_transaction() as connection:
        assert blob_moves.claim_copy(connection, one, "1", "theirs", mover_setup.now, mover_setup.now + COPY_LEASE)
    mover_setup.s3.write(one.blob.key, [b"sound0"])
    mover_setup.now += COPY_LEASE
    assert mover_setup.create_mover().delete_orphans() == 1
    assert s3_locations.list_keys(mover_setup.bucket) == set()
    mover_setup.assert_intact(at="0")


def test_a_file_that_is_deleted_while_it_is_copied_leaves_no_copy(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    file = replace(file, blob=mover_setup.disk.write(file.blob.key, [b"hello"]))
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, file)
        [one] = blob_moves.list_owners_before(connection, BlobOwnerTable.VOICE_FILES, "0", mover_setup.now, 10)
        assert blob_moves.claim_copy(connection, one, "1", "ours", mover_setup.now, mover_setup.now + COPY_LEASE)
        mover_setup.s3.write(one.blob.key, [b"hello"])
        assert voice_files.mark_deleted(connection, mover_setup.app, file, mover_setup.now)
        assert not blob_moves.repoint(connection, one, "1", "ours", mover_setup.now, mover_setup.now + GRACE)
    assert mover_setup.create_mover().delete_orphans() == 1
    assert s3_locations.list_keys(mover_setup.bucket) == set()


def test_a_deletion_that_began_before_the_move_ends_where_the_bytes_are_now(mover_setup: MoverSetup) -> None:
    file = sample_rows.make_voice_file()
    file = replace(file, blob=mover_setup.disk.write(file.blob.key, [b"hello"]))
    with mover_setup.database.write_transaction() as connection:
        voice_files.add(connection, mover_setup.app, file)
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    with mover_setup.database.write_transaction() as connection:
        voice_files.mark_deleted(connection, mover_setup.app, file, mover_setup.now)
        voice_files.delete_row(connection, mover_setup.app, file)  # what it looked up was on the disk
        [(_, found)] = maintenance.list_deleted_voice_files(connection, 10)
    assert found.blob.location_id == "1"


def test_what_comes_back_waits_until_its_original_is_gone(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(2)
    mover_setup.create_mover().move("0", "1", mover_setup.now)
    assert mover_setup.create_mover().move("1", "0", mover_setup.now).skipped == 2
    mover_setup.now += GRACE
    assert mover_setup.create_mover().move("1", "0", mover_setup.now).files == 2
    mover_setup.assert_intact(at="0")
    assert mover_setup.create_mover().delete_orphans() == 0  # the strays were taken over
    mover_setup.now += GRACE
    assert mover_setup.create_mover().delete_orphans() == 2
    assert (mover_setup.list_disk_keys(), s3_locations.list_keys(mover_setup.bucket)) == (
        set(mover_setup.get_blob_refs()),
        set(),
    )


def test_several_movers_at_once_move_each_file_once(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(60)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: mover_setup.create_mover().move("0", "1", mover_setup.now), range(3)))
    assert sum(one.files for one in done) == 60
    mover_setup.assert_intact(at="1")


def test_a_location_that_is_away_ends_the_move_and_loses_nothing(mover_setup: MoverSetup) -> None:
    mover_setup.add_recordings(3)
    away = replace(mover_setup.bucket, id="2", endpoint="http://127.0.0.1:1")
    with mover_setup.database.write_transaction() as connection:
        locations.add(connection, away)
    there: dict[str, Location] = {"0": mover_setup.disk, "2": S3Location(away, s3_locations.make_s3_config(1, 0))}
    mover_setup.locations = Locations(mover_setup.database, "a", lambda place: there[place.id])
    with pytest.raises(LocationUnreachable):
        mover_setup.create_mover().move("0", "2", mover_setup.now)
    mover_setup.assert_intact(at="0")
    assert mover_setup.create_mover().delete_orphans() == 0  # the copies cannot be looked for
    mover_setup.locations = Locations(
        mover_setup.database, "a", lambda place: mover_setup.s3 if place.id != "0" else mover_setup.disk
    )
    mover_setup.now += ORPHAN_LEASE
    assert mover_setup.create_mover().delete_orphans() == 3

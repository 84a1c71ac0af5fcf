"""Moves that operators requested: their progress, pausing and resuming, failures, and which node carries them out."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system.jobs import location_moves
from ccfs.db.system.storage import location_references, locations
from ccfs.db.tenant import recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.blobs.location_move import LocationMove, MoveProblem, MoveState, conflicts_with, find_move_problem
from ccfs.workers.storage.move_worker import LEASE, MAX_ATTEMPTS, MAX_RETRY_DELAY, MoveWorker
from ccfs.workers.storage.mover import BATCH_SIZE, BlobMover, MoveResult
from tests.db import sample_rows
from tests.db.sample_rows import NOW, SECOND

GRACE = timedelta(minutes=10)
FILES = 2 * BATCH_SIZE + 3


class MoveSetup:
    """A database, the disks "0" and "1" of node "a", and recordings on the first; tests set the clock."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.now = database, NOW + timedelta(days=1)
        self.disks: dict[str, Location] = {name: DiskLocation(name, folder / name) for name in ("0", "1")}
        with database.write_transaction() as connection:
            for name in self.disks:
                config = LocationConfig(id=name, kind=LocationKind.DISK, root=name, node="a", created_at=NOW)
                locations.add(connection, config)
            app = sample_rows.add_app(connection)
            for number in range(FILES):
                blob = self.disks["0"].write(sample_rows.make_recording(number).blob.key, [b"sound"])
                row = sample_rows.make_recording(number)
                recordings.add(connection, app, replace(row, blob=blob), NOW)
            self.move_id = location_moves.request(connection, "0", "1", self.now, "olga", self.now)

    def create_worker(self, node: str = "a", after_batch: Callable[[MoveResult], None] | None = None) -> MoveWorker:
        """Return a worker of a node, which saves its progress after each chunk."""
        opened = Locations(self.database, node, lambda config: self.disks[config.id])

        def create_mover(is_stopped: Callable[[], bool], progress: Callable[[MoveResult], None]) -> BlobMover:
            def report(result: MoveResult) -> None:
                progress(result)
                if after_batch:
                    after_batch(result)

            return BlobMover(
                database=self.database,
                locations=opened,
                now=lambda: self.now,
                grace=GRACE,
                is_stopped=is_stopped,
                on_progress=report,
            )

        return MoveWorker(self.database, opened, lambda: self.now, lambda: False, create_mover, save_seconds=0)

    def find_move(self) -> LocationMove:
        """Return the move as an operator sees it."""
        with self.database.read_transaction() as connection:
            move = location_moves.find(connection, self.move_id)
        assert move is not None
        return move

    def set_state(self, state: MoveState) -> bool:
        """Change the state as an operator does."""
        with self.database.write_transaction() as connection:
            return location_moves.change_state(connection, self.move_id, state, self.now)

    def count_at(self, location_id: str) -> int:
        """Return the recordings in a location by their rows."""
        with self.database.read_transaction() as connection:
            return location_references.find_references(connection, location_id).recordings


@pytest.fixture
def move_setup(database: Database, tmp_path: Path) -> MoveSetup:
    """A requested move."""
    return MoveSetup(database, tmp_path)


def test_a_move_counts_its_files_moves_them_and_ends(move_setup: MoveSetup) -> None:
    assert move_setup.create_worker().run_once()
    move = move_setup.find_move()
    progress = move.progress
    assert (move.state, move.node_id, move.is_working, move.finished_at) == (MoveState.DONE, "a", False, move_setup.now)
    assert (progress.total_files, progress.total_bytes) == (FILES, FILES * 5)
    assert (progress.files, progress.bytes, progress.share, progress.missing) == (FILES, FILES * 5, 1.0, 0)
    assert (move_setup.count_at("0"), move_setup.count_at("1")) == (0, FILES)
    assert not move_setup.create_worker().run_once()


def test_a_paused_move_stops_within_a_batch_and_goes_on_where_it_was(move_setup: MoveSetup) -> None:
    rates: list[int] = []

    def pause(result: MoveResult) -> None:
        rates.append(move_setup.find_move().progress.bytes_per_second)
        move_setup.set_state(MoveState.PAUSED)

    assert move_setup.create_worker(after_batch=pause).run_once()
    paused = move_setup.find_move()
    assert (paused.state, paused.is_working, paused.finished_at) == (MoveState.PAUSED, False, None)
    assert move_setup.count_at("1") == BATCH_SIZE
    assert len(rates) == 1
    assert not move_setup.create_worker().run_once()
    assert not move_setup.set_state(MoveState.PAUSED)
    assert move_setup.set_state(MoveState.DUE)
    assert move_setup.create_worker().run_once()
    move = move_setup.find_move()
    assert (move.state, move_setup.count_at("1"), move_setup.count_at("0")) == (MoveState.DONE, FILES, 0)
    assert move.progress.total_files == FILES
    assert FILES - BATCH_SIZE <= move.progress.files <= FILES  # the batch during which it was paused was not saved


def assert_changed(is_changed: bool) -> None:
    assert is_changed


def test_a_stopped_move_ends_for_good_and_nothing_is_lost(move_setup: MoveSetup) -> None:
    worker = move_setup.create_worker(after_batch=lambda _: assert_changed(move_setup.set_state(MoveState.STOPPED)))
    assert worker.run_once()
    assert move_setup.find_move().state is MoveState.STOPPED
    assert not move_setup.set_state(MoveState.DUE)
    assert move_setup.count_at("0") + move_setup.count_at("1") == FILES


def test_lost_files_are_counted_and_stay(move_setup: MoveSetup) -> None:
    keys = [sample_rows.make_recording(number).blob.key for number in range(2)]
    move_setup.disks["0"].delete(keys[0])
    move_setup.disks["0"].write(keys[1], [b"other"])
    move_setup.create_worker().run_once()
    progress = move_setup.find_move().progress
    assert (progress.missing, progress.damaged, progress.files) == (1, 1, FILES - 2)
    assert move_setup.count_at("0") == 2


def test_only_a_node_that_opens_both_locations_claims_a_move(move_setup: MoveSetup) -> None:
    assert not move_setup.create_worker("b").run_once()
    assert move_setup.find_move().node_id == ""
    assert move_setup.create_worker("a").run_once()


class _AbsentDisk(DiskLocation):
    """A disk that cannot be written."""

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Read what there is, and fail."""
        assert list(chunks)
        raise LocationUnreachable("the disk is away")


def test_a_move_waits_for_a_location_that_is_away_and_fails_after_many_attempts(
    move_setup: MoveSetup, tmp_path: Path
) -> None:
    move_setup.disks["1"] = _AbsentDisk("1", tmp_path / "1")
    for _ in range(MAX_ATTEMPTS):
        assert move_setup.find_move().state is MoveState.DUE
        assert move_setup.create_worker().run_once()
        assert not move_setup.create_worker().run_once()  # it waits
        assert "the disk is away" in move_setup.find_move().error
        move_setup.now += MAX_RETRY_DELAY
    assert move_setup.find_move().state is MoveState.FAILED
    move_setup.disks["1"] = DiskLocation("1", tmp_path / "1")
    move_setup.now += LEASE
    assert move_setup.set_state(MoveState.DUE)
    assert move_setup.create_worker().run_once()
    assert (move_setup.find_move().state, move_setup.count_at("1")) == (MoveState.DONE, FILES)


def test_a_move_that_has_moved_files_fails_after_as_many_attempts_without_progress(
    move_setup: MoveSetup, tmp_path: Path
) -> None:
    worker = move_setup.create_worker()
    with move_setup.database.write_transaction() as connection:
        claimed = location_moves.claim(connection, move_setup.now, "dead", LEASE, "a", ["0", "1"])
        assert claimed
        moved = replace(claimed.progress, total_files=FILES, total_bytes=FILES * 5, files=1, bytes=5)
        assert location_moves.save_progress(connection, claimed.id, "dead", moved, move_setup.now, move_setup.now)
    move_setup.disks["1"] = _AbsentDisk("1", tmp_path / "1")
    for _ in range(MAX_ATTEMPTS):
        assert move_setup.find_move().state is MoveState.DUE
        move_setup.now += max(LEASE, MAX_RETRY_DELAY)
        assert worker.run_once()
    assert move_setup.find_move().state is MoveState.FAILED


def test_a_failed_move_is_not_resumed_against_one_that_moves_the_files_back(move_setup: MoveSetup) -> None:
    with move_setup.database.write_transaction() as connection:
        location_moves.claim(connection, move_setup.now, "lease", LEASE, "a", ["0", "1"])
        assert location_moves.finish(connection, move_setup.move_id, "lease", MoveState.FAILED, move_setup.now, "away")
        back = location_moves.request(connection, "1", "0", move_setup.now, "olga", move_setup.now)
    assert not move_setup.set_state(MoveState.DUE)
    with move_setup.database.write_transaction() as connection:
        assert location_moves.change_state(connection, back, MoveState.STOPPED, move_setup.now)
    assert move_setup.set_state(MoveState.DUE)


def test_a_move_whose_node_died_is_carried_out_by_the_next(move_setup: MoveSetup) -> None:
    with move_setup.database.write_transaction() as connection:
        claimed = location_moves.claim(connection, move_setup.now, "dead", LEASE, "a", ["0", "1"])
    assert claimed is not None
    assert not move_setup.create_worker().run_once()
    move_setup.now += LEASE + SECOND
    assert move_setup.create_worker().run_once()
    assert move_setup.find_move().state is MoveState.DONE


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ({}, {"id": "0"}, MoveProblem.SAME_LOCATION),
        ({}, {"is_draining": True}, MoveProblem.TARGET_NOT_WRITABLE),
        ({}, {"is_read_only": True}, MoveProblem.TARGET_NOT_WRITABLE),
        ({"is_read_only": True}, {}, MoveProblem.SOURCE_READ_ONLY),
        ({"node": "a"}, {"node": "b"}, MoveProblem.NO_COMMON_NODE),
        ({}, {"kind": LocationKind.PEER}, MoveProblem.NO_COMMON_NODE),
        ({"node": "a", "is_draining": True}, {}, None),
    ],
)
def test_a_move_needs_two_locations_that_one_node_opens(
    source: dict[str, object], target: dict[str, object], problem: MoveProblem | None
) -> None:
    fields: dict[str, object] = {"kind": LocationKind.DISK, "root": "/x", "created_at": NOW}
    assert (
        find_move_problem(
            LocationConfig(**{"id": "0", **fields, **source}),  # type: ignore[arg-type]
            LocationConfig(**{"id": "1", **fields, **target}),  # type: ignore[arg-type]
        )
        is problem
    )


def test_two_moves_conflict_if_they_share_the_source_or_run_in_opposite_directions(move_setup: MoveSetup) -> None:
    moves = [move_setup.find_move()]
    pairs = [("0", "1"), ("0", "2"), ("1", "0"), ("1", "2"), ("2", "0"), ("2", "1"), ("2", "3")]
    assert [pair for pair in pairs if not conflicts_with(moves, *pair)] == [("2", "1"), ("2", "3")]
    move_setup.create_worker().run_once()
    assert not conflicts_with([move_setup.find_move()], "0", "1")


def test_old_finished_moves_are_deleted(move_setup: MoveSetup) -> None:
    with move_setup.database.write_transaction() as connection:
        for number in range(location_moves.MAX_FINISHED + 5):
            at = NOW + number * SECOND
            done = location_moves.request(connection, "0", "1", at, "olga", at)
            assert location_moves.change_state(connection, done, MoveState.STOPPED, at)
        location_moves.request(connection, "0", "1", NOW, "olga", NOW)
        moves = location_moves.list_moves(connection)
    assert sum(move.finished_at is not None for move in moves) == location_moves.MAX_FINISHED
    assert sum(move.is_unfinished for move in moves) == 2

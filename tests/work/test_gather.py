"""Gathering selections on both engines: what is listed, what is left out and why, and that a killed worker's part is not lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.model.call_search import Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.recording import Recording
from ccfs.model.selection import Missing, Selection, State, Taken, Wanted
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.settings import read
from ccfs.store import cdrs, recordings, schema, selected, selections, users
from ccfs.store.db import Database, open_database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Location
from ccfs.store.selections import Shown
from ccfs.store.upgrade import upgrade
from ccfs.work import gather
from ccfs.work.gather import Desk, Gatherer
from tests.store import given
from tests.store.child import ROOT
from tests.store.given import MINUTE, NOW

ACCOUNT = "100"
CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ccfs.settings import read
from ccfs.store.db import open_database
from ccfs.store.locations.disk import Disk
from ccfs.work import gather
gather.KEPT_SECONDS = 0.0
class Slow(Disk):
    def read(self, key, start=0, end=None):
        import time
        time.sleep(0.01)
        return super().read(key, start, end)
now = datetime.fromisoformat(sys.argv[3])
settings = read({}, data=Path(sys.argv[2]))
desk = gather.Desk(database=open_database(sys.argv[1]), locations={"0": Slow("0", Path(sys.argv[2]))}, settings=settings, now=lambda: now)
print("begun", flush=True)
gather.Gatherer(desk).go_on()
"""


class Room:
    """Calls with recordings, and somebody who wants them; the clock is set by hand."""

    def __init__(self, database: Database, folder: Path, app: App, user: int) -> None:
        self.database, self.folder, self.app, self.user = database, folder, app, user
        self.disk = Disk("0", folder)
        self.now = NOW + 2000 * MINUTE
        self.count = 0

    def gatherer(self, locations: Mapping[str, Location] | None = None, **more: Any) -> Gatherer:
        settings = read({}, data=self.folder, **more)
        locations = {"0": self.disk} if locations is None else locations
        return Gatherer(Desk(database=self.database, locations=locations, settings=settings, now=lambda: self.now))

    def ask(self, *calls: str) -> str:
        """A selection of these calls, or else of all; its id."""
        self.count += 1
        window = Window(begin=NOW - MINUTE, end=NOW + 1000 * MINUTE)
        search = Search(account_id=ACCOUNT, window=window, order=Order.OLDEST)
        wanted = Wanted(calls=calls) if calls else Wanted(search=search)
        number = f"{self.count:032x}"
        with self.database.writing() as connection:
            one = Selection(
                id=number, user=self.user, account_id=ACCOUNT, zone="Asia/Shanghai", wanted=wanted, asked_at=self.now
            )
            selections.add(connection, self.app, one)
        return number

    def shown(self, number: str) -> Shown:
        with self.database.reading() as connection:
            found = selections.find(connection, self.app, self.user, number)
        assert found is not None
        return found

    def list(self, number: str) -> list[Taken]:
        return list(selected.every(self.database, self.app, number))

    def tape(self, *numbers: int, **more: Any) -> None:
        """Recordings of calls, with their bytes."""
        tapes = [self._tape(number, more) for number in numbers]
        with self.database.writing() as connection:
            for number, one in zip(numbers, tapes, strict=True):
                recordings.add(connection, self.app, one, NOW)
                call = {"call_id": one.call_id, "begin": one.call_begin, "line_key": f"{one.account_id} {number}"}
                cdrs.add(connection, self.app, [Cdr(account_id=one.account_id, cc_id="1", vdn_id="8", **call)])  # type: ignore[arg-type]

    def _tape(self, number: int, more: dict[str, Any]) -> Recording:
        kept = self.disk.keep(f"r/{number}", [b"RIFF", str(number).encode() * 50])
        own = {"call_id": f"{1700000000 + number}-1", "kept": kept, "account_id": ACCOUNT}
        return given.recording(number, **own | more)


@pytest.fixture
def room(database_url: str, tmp_path: Path) -> Iterator[Room]:
    database = open_database(database_url)
    upgrade(database)
    with database.writing() as connection:
        app = given.app(connection)
        user = users.add(connection, "emil", "", NOW).id
    yield Room(database, tmp_path / "files", app, user)
    database.close()


def done(room: Room, number: str) -> Shown:
    """The selection, which is ready."""
    found = room.shown(number)
    assert found.state is State.READY
    return found


def test_everything_that_a_search_finds_is_listed_in_its_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "CALLS", 20)
    room.tape(*range(1, 61))
    room.tape(61, account_id="other")
    asked = room.ask()
    assert room.gatherer().go_on()
    progress = done(room, asked).progress
    assert (progress.listed, progress.checked, progress.missing) == (60, 60, 0)
    assert [one.file_name for one in room.list(asked)] == [given.recording(n).file_name for n in range(1, 61)]
    assert not room.gatherer().go_on()


def test_what_cannot_be_taken_is_named_with_the_reason(room: Room) -> None:
    room.tape(*range(1, 6))
    room.disk.remove("r/2")
    room.disk.keep("r/3", [b"short"])
    with room.database.writing() as connection:
        wrong = schema.recordings.update().where(schema.recordings.c.key == "r/4")
        connection.execute(wrong.values(crc32=schema.recordings.c.crc32 + 1))
    asked = room.ask()
    room.gatherer().go_on()
    assert [one.missing for one in room.list(asked)] == [None, Missing.GONE, Missing.DIFFERS, Missing.DIFFERS, None]
    assert done(room, asked).progress.missing == 3


@pytest.mark.parametrize("most", [3, 5])
def test_no_more_is_listed_than_the_settings_allow(room: Room, most: int) -> None:
    room.tape(*range(1, 6))
    asked = room.ask()
    room.gatherer(take_recordings=most).go_on()
    assert (done(room, asked).progress.listed, done(room, asked).progress.is_cut) == (most, most < 5)


def test_no_more_bytes_are_listed_than_the_settings_allow(room: Room) -> None:
    room.tape(*range(1, 4))
    with room.database.writing() as connection:
        connection.execute(schema.recordings.update().values(size=400 << 20))
    asked = room.ask()
    room.gatherer(take_gb=1).go_on()
    assert (room.shown(asked).progress.listed, room.shown(asked).progress.is_cut) == (2, True)


def test_a_location_that_is_away_is_waited_for_and_then_named(room: Room) -> None:
    room.tape(1, 2)
    asked = room.ask()
    for _ in range(gather.PATIENCE - 1):
        assert room.gatherer(locations={}).go_on()
        assert not room.gatherer(locations={}).go_on()  # not at once
        assert room.shown(asked).state is State.DUE
        room.now += MINUTE
    assert room.gatherer(locations={}).go_on()
    assert [one.missing for one in room.list(asked)] == [Missing.AWAY, Missing.AWAY]
    done(room, asked)


def test_a_location_that_comes_back_is_as_if_it_had_never_been_away(room: Room) -> None:
    room.tape(1)
    asked = room.ask()
    room.gatherer(locations={}).go_on()
    room.now += MINUTE
    room.gatherer().go_on()
    assert done(room, asked).progress.missing == 0


def test_a_large_one_leaves_small_ones_their_turn(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "TURN_SECONDS", 0.0)
    room.tape(*range(1, 31))
    large = room.ask()
    room.gatherer().go_on()
    room.now += timedelta(seconds=1)
    small = room.ask("1700000003-1")
    turns = 0
    while room.shown(small).state is State.DUE:
        room.now += timedelta(seconds=1)
        assert room.gatherer().go_on()
        turns += 1
        assert turns < 10
    assert room.shown(large).state is State.DUE
    while room.shown(large).state is State.DUE:
        room.now += timedelta(seconds=1)
        room.gatherer().go_on()
        turns += 1
        assert turns < 100
    assert [one.number for one in room.list(large)] == list(range(1, 31))


def test_a_killed_worker_s_part_is_kept_and_the_zip_is_the_same(room: Room) -> None:
    room.tape(*range(1, 101))
    undisturbed = room.ask()
    room.gatherer().go_on()
    asked, kills = room.ask(), []
    for _ in range(3):
        kills.append(killed_while_gathering(room, asked))
        room.now += 2 * MINUTE  # its lease ends
    assert 0 < kills[0] < kills[1] < kills[2] < 100
    room.gatherer().go_on()
    ends = [room.shown(one).progress for one in (undisturbed, asked)]
    assert ends[0] == ends[1]
    assert room.list(undisturbed) == room.list(asked)
    assert done(room, asked).made is not None


def killed_while_gathering(room: Room, asked: str) -> int:
    """A worker that is killed when it has come forward; how far."""
    url = room.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", CHILD, url, str(room.folder), room.now.isoformat()]
    before, give_up = room.shown(asked).progress.checked, time.monotonic() + 60
    with subprocess.Popen(command, env={"PYTHONPATH": f"{ROOT / 'src'}"}, stdout=subprocess.DEVNULL) as child:
        while room.shown(asked).progress.checked < before + 3:
            assert child.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    return room.shown(asked).progress.checked


def test_a_worker_that_is_told_to_stop_hands_it_back(room: Room) -> None:
    room.tape(*range(1, 201))
    asked = room.ask()

    class Slow(Disk):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            time.sleep(0.01)
            return super().read(key, start, end)

    worker = room.gatherer(locations={"0": Slow("0", room.folder)})
    stopper = threading.Timer(0.5, worker.stop)
    worker.start()
    stopper.start()
    stopper.join(20)
    with room.database.reading() as connection:
        row = connection.execute(sa.select(schema.selections.c.lease, schema.selections.c.due_at)).one()
    assert row.lease == ""
    assert room.gatherer().go_on()
    done(room, asked)


def test_what_fails_again_and_again_is_put_aside(room: Room) -> None:
    room.tape(1)
    asked = room.ask()

    class Broken(Disk):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            raise RuntimeError("nobody thought of this")

    worker = room.gatherer(locations={"0": Broken("0", room.folder)}, export_attempts=3)
    for _ in range(3):
        assert worker.go_on()
        room.now += timedelta(hours=1)
    assert room.shown(asked).state is State.FAILED
    assert not worker.go_on()


def test_a_selection_of_nothing_is_ready_and_empty(room: Room) -> None:
    asked = room.ask("1700000000-99")
    room.gatherer().go_on()
    made = done(room, asked).made
    assert made is not None
    assert made.size > 0

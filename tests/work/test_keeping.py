"""Keeping months on both engines: rows go before bytes, what fails is tried again, and without terms all stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import months, recordings, schema
from ccfs.store.db import Database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Gone
from ccfs.work.keeping import AGAIN, Keeper, Terms
from tests.store import given

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
DAYS = ("20260503", "20260401", "20260331", "20260228", "20240101")


@pytest.fixture
def kept(database: Database, disk: Disk) -> list[Recording]:
    """A recording with its bytes of each of the days."""
    made = []
    with database.writing() as connection:
        app = given.app(connection)
        for number, day in enumerate(DAYS):
            moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            name = f"/0/1/record/AK/100/{day}/5/{number}.wav"
            one = given.recording(number, file_name=name, call_begin=moment, kept=disk.keep(f"1/rec/{day}", [b"audio"]))
            recordings.add(connection, app, one, NOW)
            made.append(one)
    return made


def keeper(database: Database, disk: Disk, now: datetime = NOW, rows: int = 0, recordings: int = 0) -> Keeper:
    return Keeper(database, {"0": disk}, Terms(rows=rows, recordings=recordings), lambda: now)


def rows(database: Database) -> set[str]:
    with database.reading() as connection:
        return {name.split("/")[6] for name in connection.execute(sa.select(schema.recordings.c.file_name)).scalars()}


def bytes_of(disk: Disk, kept: list[Recording]) -> set[str]:
    found = set()
    for one in kept:
        try:
            found.add(one.kept.key.rpartition("/")[2] if disk.size(one.kept.key) else "")
        except Gone:
            continue
    return found


def test_without_terms_everything_stays(database: Database, disk: Disk, kept: list[Recording]) -> None:
    keeper(database, disk)()
    assert rows(database) == bytes_of(disk, kept) == set(DAYS)


def test_so_many_whole_months_stay_beside_this_one(database: Database, disk: Disk, kept: list[Recording]) -> None:
    keeper(database, disk, recordings=2)()
    assert rows(database) == bytes_of(disk, kept) == set(DAYS[:3])
    keeper(database, disk, rows=1)()
    assert rows(database) == set(DAYS[:3])  # recordings have a term of their own


def test_it_looks_once_an_hour(database: Database, disk: Disk, kept: list[Recording]) -> None:
    times = iter([NOW, NOW, NOW + timedelta(minutes=40), NOW + timedelta(minutes=40)])
    step = Keeper(database, {"0": disk}, Terms(recordings=2), lambda: next(times))
    step()
    with database.writing() as connection:
        app = App(id=1, ak="AK-acme", name="acme")
        recordings.add(connection, app, replace(kept[-1], file_name=kept[-1].file_name + "x"), NOW)
    step()
    assert rows(database) == {*DAYS[:3], DAYS[-1]}


def test_bytes_that_cannot_go_are_due_again_and_hold_up_no_others(
    database: Database, disk: Disk, kept: list[Recording]
) -> None:
    with database.writing() as connection:
        table = schema.recordings
        lost = sa.update(table).where(table.c.file_name == kept[-1].file_name).values(location_id="9")
        connection.execute(lost)
    keeper(database, disk, recordings=2)()
    assert bytes_of(disk, kept) == {*DAYS[:3], DAYS[-1]}
    with database.reading() as connection:
        assert months.leaving_bytes(connection, NOW, 9) == []
        assert months.leaving_bytes(connection, NOW + AGAIN, 9) == [("9", kept[-1].kept.key)]
    back = Keeper(database, {"0": disk, "9": disk}, Terms(), lambda: NOW + AGAIN)
    back()
    assert bytes_of(disk, kept) == set(DAYS[:3])


@pytest.mark.usefixtures("kept")
def test_bytes_on_another_nodes_disk_are_left_to_it(database: Database, disk: Disk) -> None:
    far = Keeper(database, {}, Terms(recordings=1, far=lambda: ["0"]), lambda: NOW)
    far()
    with database.reading() as connection:
        waiting = months.leaving_bytes(connection, NOW, 100)
    assert waiting
    assert far.remove_bytes() == 0
    near = keeper(database, disk, recordings=1)
    assert near.remove_bytes() == len(waiting)
    with database.reading() as connection:
        assert months.leaving_bytes(connection, NOW, 100) == []

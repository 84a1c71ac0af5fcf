"""A day of calls as an Asterisk switch would leave it in a folder: the one place of the demo's switch that writes files.

What happens is told in `stories` and `floor`, how it is written in `pen`. No clock is read; chance comes from the seed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from ccfs.demo.caller import Scene
from ccfs.demo.floor import Floor
from ccfs.demo.journal import Journal, QueueEvent
from ccfs.demo.pen import LocalDay, Pen
from ccfs.demo.people import CASTS
from ccfs.demo.speech import Language, conversation
from ccfs.demo.stories import DECK
from ccfs.demo.tape import Tape

_OPENS, _CLOSES = 8.5, 17.95  # hours after midnight
_HALVES, _PEAKS = ((_OPENS, 13.0), (13.0, _CLOSES)), (10.25, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Where a day of calls lies."""

    cdr: Path  # Master.csv: cdr_csv with all columns, local times
    queue_log: Path
    recordings: Path  # a folder of folders YYYY/MM/DD with A-law WAVs


def leave_day(folder: Path, *, day: date, zone: str, language: Language, calls: int, seed: int) -> Day:
    """Writes a working day with so many calls from and to outside (or among agents) into a folder that is theirs alone.

    The same arguments give the same bytes. Half of the recordings are named by a CDR line, the others by their names
    alone; all together they stay below 6 MB. An attended transfer's question to a colleague is one call more.
    ZoneInfoNotFoundError for an unknown zone.
    """
    place = LocalDay(day=day, zone=ZoneInfo(zone))
    pen = Pen(place, _played(place, Random(f"{seed} {day}"), language, calls))
    left = Day(cdr=folder / "Master.csv", queue_log=folder / "queue_log", recordings=folder / "monitor")
    left.recordings.mkdir(parents=True, exist_ok=True)
    left.cdr.write_bytes(pen.master().encode())
    left.queue_log.write_bytes(pen.queue_log().encode())
    _leave_recordings(left.recordings, pen, language)
    return left


def _played(place: LocalDay, random: Random, language: Language, calls: int) -> Journal:
    """The whole day: agents come, calls come in the order of time, agents leave."""
    journal, floor = Journal(), Floor(random, place)
    scene = Scene(random=random, cast=CASTS[language], floor=floor, tape=Tape(random, calls), journal=journal)
    restart = QueueEvent(at=place.at(6), call="NONE", queue="NONE", member="NONE", event="QUEUESTART")
    journal.events += [restart, *floor.events()]
    stories = [DECK[number % len(DECK)] for number in range(calls)]
    random.shuffle(stories)
    for story, hours in zip(stories, sorted(_arrivals(random, calls)), strict=True):
        story(scene, place.at(hours))
    return journal


def _arrivals(random: Random, calls: int) -> Iterator[float]:
    """When calls come, in hours after midnight: at any time, but most about the peaks of morning and afternoon."""
    for number in range(calls):
        half, peak = number % 2, _PEAKS[number % 2]
        yield random.uniform(_OPENS, _CLOSES) if number % 4 == 3 else random.triangular(*_HALVES[half], peak)


def _leave_recordings(folder: Path, pen: Pen, language: Language) -> None:
    for cdr in pen.recorded():
        file = folder / pen.folder(cdr) / pen.file_name(cdr)
        file.parent.mkdir(parents=True, exist_ok=True)
        if cdr.recording:
            file.write_bytes(conversation(cdr.recording.seed, language, cdr.recording.seconds))
        os.utime(file, (cdr.end, cdr.end))  # as old as a switch would leave it

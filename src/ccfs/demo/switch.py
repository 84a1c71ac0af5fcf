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

from ccfs.demo.agents import AgentRoster
from ccfs.demo.asterisk_writer import AsteriskWriter, LocalDay
from ccfs.demo.call_script import Simulation
from ccfs.demo.durations import TalkGenerator
from ccfs.demo.events import Journal, QueueEvent
from ccfs.demo.identities import IDENTITIES_BY_LANGUAGE
from ccfs.demo.scenarios import SCENARIOS
from ccfs.demo.speech import Language, build_conversation

_OPENING_HOUR, _CLOSING_HOUR = 8.5, 17.95  # hours after midnight
_HALF_DAYS, _PEAK_HOURS = ((_OPENING_HOUR, 13.0), (13.0, _CLOSING_HOUR)), (10.25, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFiles:
    """Where a day of calls lies."""

    cdr: Path  # Master.csv: cdr_csv with all columns, local times
    queue_log: Path
    recordings: Path  # a folder of folders YYYY/MM/DD with A-law WAVs


def write_day(folder: Path, *, day: date, zone: str, language: Language, calls: int, seed: int) -> DayFiles:
    """Writes a working day with so many calls from and to outside (or among agents) into a folder that is theirs alone.

    The same arguments give the same bytes. Half of the recordings are named by a CDR line, the others by their names
    alone; all together they stay below 6 MB. An attended transfer's question to a colleague is one call more.
    ZoneInfoNotFoundError for an unknown zone.
    """
    place = LocalDay(day=day, zone=ZoneInfo(zone))
    pen = AsteriskWriter(place, _simulate_day(place, Random(f"{seed} {day}"), language, calls))
    left = DayFiles(cdr=folder / "Master.csv", queue_log=folder / "queue_log", recordings=folder / "monitor")
    left.recordings.mkdir(parents=True, exist_ok=True)
    left.cdr.write_bytes(pen.format_cdrs().encode())
    left.queue_log.write_bytes(pen.format_queue_log().encode())
    _write_recordings(left.recordings, pen, language)
    return left


def _simulate_day(place: LocalDay, random: Random, language: Language, calls: int) -> Journal:
    """The whole day: agents come, calls come in the order of time, agents leave."""
    journal, floor = Journal(), AgentRoster(random, place)
    scene = Simulation(
        random=random,
        identities=IDENTITIES_BY_LANGUAGE[language],
        roster=floor,
        talks=TalkGenerator(random, calls),
        journal=journal,
    )
    restart = QueueEvent(timestamp=place.to_epoch(6), call="NONE", queue="NONE", member="NONE", event="QUEUESTART")
    journal.events += [restart, *floor.iter_events()]
    stories = [SCENARIOS[number % len(SCENARIOS)] for number in range(calls)]
    random.shuffle(stories)
    for story, hours in zip(stories, sorted(_draw_arrivals(random, calls)), strict=True):
        story(scene, place.to_epoch(hours))
    return journal


def _draw_arrivals(random: Random, calls: int) -> Iterator[float]:
    """When calls come, in hours after midnight: at any time, but most about the peaks of morning and afternoon."""
    for number in range(calls):
        half, peak = number % 2, _PEAK_HOURS[number % 2]
        yield (
            random.uniform(_OPENING_HOUR, _CLOSING_HOUR)
            if number % 4 == 3
            else random.triangular(*_HALF_DAYS[half], peak)
        )


def _write_recordings(folder: Path, pen: AsteriskWriter, language: Language) -> None:
    for cdr in pen.iter_recorded_cdrs():
        file = folder / pen.get_recording_folder(cdr) / pen.get_recording_name(cdr)
        file.parent.mkdir(parents=True, exist_ok=True)
        if cdr.recording:
            file.write_bytes(build_conversation(cdr.recording.seed, language, cdr.recording.seconds))
        os.utime(file, (cdr.end, cdr.end))  # as old as a switch would leave it

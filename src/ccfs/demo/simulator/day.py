"""Writing a simulated day of calls: the files that an Asterisk switch leaves in a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from ccfs.demo.simulator.agents import AgentRoster
from ccfs.demo.simulator.asterisk_writer import AsteriskWriter, LocalDay
from ccfs.demo.simulator.call_script import Simulation
from ccfs.demo.simulator.durations import TalkGenerator
from ccfs.demo.simulator.events import Journal, QueueEvent
from ccfs.demo.simulator.identities import IDENTITIES_BY_LANGUAGE
from ccfs.demo.simulator.scenarios import SCENARIOS
from ccfs.demo.speech import Language, build_conversation

_OPENING_HOUR, _CLOSING_HOUR = 8.5, 17.95  # hours after midnight
_HALF_DAYS, _PEAK_HOURS = ((_OPENING_HOUR, 13.0), (13.0, _CLOSING_HOUR)), (10.25, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFiles:
    """The files of a day."""

    cdr: Path  # Master.csv: cdr_csv with all columns, local times
    queue_log: Path
    recordings: Path  # folder of folders YYYY/MM/DD with A-law WAVs


def write_day(folder: Path, *, day: date, zone: str, language: Language, calls: int, seed: int) -> DayFiles:
    """Write a working day with these numbers of inbound, outbound and internal calls into an empty folder.

    The same arguments produce the same bytes. CDRs name half of the recordings; the names of the others contain the
    uniqueid. All recordings together have less than 6 MB. The consultation of an attended transfer is an additional
    call. Raise ZoneInfoNotFoundError for an unknown zone.
    """
    local_day = LocalDay(day=day, zone=ZoneInfo(zone))
    writer = AsteriskWriter(local_day, _simulate_day(local_day, Random(f"{seed} {day}"), language, calls))
    files = DayFiles(cdr=folder / "Master.csv", queue_log=folder / "queue_log", recordings=folder / "monitor")
    files.recordings.mkdir(parents=True, exist_ok=True)
    files.cdr.write_bytes(writer.format_cdrs().encode())
    files.queue_log.write_bytes(writer.format_queue_log().encode())
    _write_recordings(files.recordings, writer, language)
    return files


def _simulate_day(local_day: LocalDay, random: Random, language: Language, calls: int) -> Journal:
    """Simulate the whole day: agents arrive, calls arrive in the order of time, agents leave."""
    journal, roster = Journal(), AgentRoster(random, local_day)
    simulation = Simulation(
        random=random,
        identities=IDENTITIES_BY_LANGUAGE[language],
        roster=roster,
        talks=TalkGenerator(random, calls),
        journal=journal,
    )
    restart = QueueEvent(timestamp=local_day.to_epoch(6), call="NONE", queue="NONE", member="NONE", event="QUEUESTART")
    journal.events += [restart, *roster.iter_events()]
    scenarios = [SCENARIOS[number % len(SCENARIOS)] for number in range(calls)]
    random.shuffle(scenarios)
    for scenario, hours in zip(scenarios, sorted(_draw_arrivals(random, calls)), strict=True):
        scenario(simulation, local_day.to_epoch(hours))
    return journal


def _draw_arrivals(random: Random, calls: int) -> Iterator[float]:
    """Yield arrival times in hours after midnight, most of them around the peaks of morning and afternoon."""
    for number in range(calls):
        half, peak = number % 2, _PEAK_HOURS[number % 2]
        yield (
            random.uniform(_OPENING_HOUR, _CLOSING_HOUR)
            if number % 4 == 3
            else random.triangular(*_HALF_DAYS[half], peak)
        )


def _write_recordings(folder: Path, writer: AsteriskWriter, language: Language) -> None:
    for cdr in writer.iter_recorded_cdrs():
        file = folder / writer.get_recording_folder(cdr) / writer.get_recording_name(cdr)
        file.parent.mkdir(parents=True, exist_ok=True)
        if cdr.recording:
            file.write_bytes(build_conversation(cdr.recording.seed, language, cdr.recording.seconds))
        os.utime(file, (cdr.end, cdr.end))  # the modification time that a switch would leave

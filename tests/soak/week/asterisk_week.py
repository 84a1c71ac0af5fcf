"""A week of Asterisk: lines of Master.csv and of the queue log, and recordings, as events in order of time."""

import csv
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from ccfs.demo.simulator.day import write_day
from tests.soak.week.audio_files import iter_recording_events
from tests.soak.week.steps import CDR_LOG, QUEUE_LOG, Event, LineStep

FIRST_DAY, DAYS, ZONE = date(2024, 1, 15), 7, "Europe/London"
MEMBERS = {"PJSIP/1004": "Ann Lee", "PJSIP/1005": "Bo"}  # agents whom the queue log names
BAD_LINES = 3  # a day and log; their line numbers are often those of other days
_START, _ANSWER, _END, _DISPOSITION, _UNIQUEID, _USERFIELD = 9, 10, 11, 14, 16, 17  # columns of cdr_csv


def iter_events(seed: int, calls: int) -> Iterator[Event]:
    """Yield the events of a week with so many calls, in no order."""
    random = Random(f"asterisk {seed}")
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        with tempfile.TemporaryDirectory() as folder:
            files = write_day(Path(folder), day=day, zone=ZONE, language="en", calls=max(1, calls // DAYS), seed=seed)
            yield from _iter_queue_events(files.queue_log.read_text())
            yield from _iter_cdr_events(random, files.cdr.read_text(), number)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(ZONE)).timestamp()
        for log in (CDR_LOG, QUEUE_LOG):
            for count in range(BAD_LINES):
                yield Event(noon + random.uniform(-4, 6) * 3600, LineStep(log, f"nonsense {number}.{count}\n"))


def _iter_queue_events(text: str) -> Iterator[Event]:
    for line in text.splitlines(keepends=True):
        fields = line.split("|")
        fields[3] = MEMBERS.get(fields[3], fields[3])
        yield Event(float(fields[0]), LineStep(QUEUE_LOG, "|".join(fields)))


def _iter_cdr_events(random: Random, text: str, day: int) -> Iterator[Event]:
    last, recorded = 0.0, set[str]()
    for number, line in enumerate(text.splitlines(keepends=True)):
        [row] = csv.reader([line])
        begin, end = _to_epoch(row[_ANSWER] or row[_START]), _to_epoch(row[_END])
        last = max(last, end)  # Asterisk writes the lines of a channel together, when it hangs up
        yield Event(last, LineStep(CDR_LOG, line))
        name = row[_USERFIELD].removeprefix("audio:")
        is_recorded = row[_DISPOSITION] == "ANSWERED" and end > begin and (bool(name) or random.random() < 0.3)
        name = name or f"q-{row[_UNIQUEID]}.wav"
        if is_recorded and name not in recorded:
            recorded.add(name)
            dated = f"asterisk/monitor/{datetime.fromtimestamp(begin, ZoneInfo(ZONE)):%Y/%m/%d}/{name}"
            path = dated if row[_USERFIELD] else f"asterisk/monitor/{name}"
            yield from iter_recording_events(random, path, dated, begin, end, day * 100_000 + number)


def _to_epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()

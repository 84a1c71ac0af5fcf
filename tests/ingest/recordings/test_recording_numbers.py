"""Recordings without an id in their names are matched by number and time, if one call only fits."""

import time
from datetime import UTC, date, datetime
from datetime import time as day_time
from pathlib import PurePath

import pytest

from ccfs.db import schema
from ccfs.ingest.recordings.match import NO_CDR, SEVERAL_CALLS
from ccfs.ingest.recordings.number_hints import NumberHints, find_number_hints
from tests.ingest.ingest_site import OLD_TIMESTAMP, IngestSite, build_cdr_line, make_wav
from tests.ingest.test_watch import run_watch
from tests.waiting import wait_until

CALLER = "02079460123"
CALL_END = datetime(2024, 1, 15, 9, 32, tzinfo=UTC).timestamp()  # of a call from 09:30:42, answered at 09:30:50
TALK = make_wav(1, 70)


@pytest.mark.parametrize(
    ("path", "numbers", "day", "time_of_day"),
    [
        ("sales-02079460123-150941.gsm", (CALLER,), None, day_time(15, 9, 41)),
        ("2026-11-27/02079460123.ulaw", (CALLER,), date(2026, 11, 27), None),
        ("2026/11/27/02079460123.wav", (CALLER,), date(2026, 11, 27), None),
        ("20261127-150941_1001_02079460123.wav", ("1001", CALLER), date(2026, 11, 27), day_time(15, 9, 41)),
        ("20261127150941-02079460123-1001.mp3", (CALLER, "1001"), date(2026, 11, 27), day_time(15, 9, 41)),
        ("+442079460123_2026-11-27_15-09-41.wav", ("442079460123",), date(2026, 11, 27), day_time(15, 9, 41)),
        ("20261340-999999-02079460123.wav", ("20261340", "999999", CALLER), None, None),
        ("greeting.wav", (), None, None),
        ("1" * 300 + ".wav", (), None, None),
    ],
)
def test_numbers_and_times_are_told_apart(
    path: str, numbers: tuple[str, ...], day: date | None, time_of_day: day_time | None
) -> None:
    hints = NumberHints(numbers=numbers, day=day, time_of_day=time_of_day)
    assert find_number_hints(PurePath("/var/spool", path)) == hints


def list_recordings(site: IngestSite) -> list[tuple[str, str]]:
    return sorted(site.read_rows(schema.recordings, "source_name", "agent_id"))


def ingest_one(site: IngestSite, name: str, modified: float, lines: str = "", data: bytes = TALK) -> str:
    """Ingest one recording and return why it was rejected, or ""."""
    site.write_recording(name, data, modified)
    result = site.ingest_asterisk(site.write_file("Master.csv", lines or build_cdr_line()), CCFS_SETTLE_SECONDS="0")
    return str(result["refused"][0]["reason"]) if result["refused"] else ""


@pytest.mark.parametrize(
    ("name", "modified"),
    [
        (f"sales-{CALLER}-093050.wav", OLD_TIMESTAMP),  # the time of day, in a tree that was copied the next day
        (f"2024-01-15/{CALLER}-093050.wav", 1_800_000_000),
        (f"{CALLER}.wav", CALL_END + 1),
        (f"2024/01/15/{CALLER}.wav", OLD_TIMESTAMP),  # the day and the duration
        (f"20240115-093050-1001-{CALLER}.wav", OLD_TIMESTAMP),
    ],
)
def test_one_call_of_the_number_at_that_time_has_the_recording(
    ingest_site: IngestSite, name: str, modified: float
) -> None:
    assert ingest_one(ingest_site, name, modified) == ""
    assert list_recordings(ingest_site) == [(name.rpartition("/")[2], "1001")]


@pytest.mark.parametrize(
    ("name", "modified", "data"),
    [
        (f"sales-{CALLER}-093350.wav", OLD_TIMESTAMP, TALK),  # after the call
        (f"2024-01-16/{CALLER}-093050.wav", OLD_TIMESTAMP, TALK),  # another day
        (f"2024-01-16/{CALLER}.wav", OLD_TIMESTAMP, TALK),
        (f"2024-01-15/{CALLER}.wav", OLD_TIMESTAMP, make_wav(1, 20)),  # shorter than the talk
        (f"2024-01-15/{CALLER}-093050.wav", OLD_TIMESTAMP, make_wav(1, 200)),  # longer than the call
        (f"{CALLER}.wav", OLD_TIMESTAMP, TALK),  # neither day nor time
        (f"{CALLER}.wav", CALL_END + 900, TALK),
        ("02079460999.wav", CALL_END + 1, TALK),  # another number
        ("600.wav", CALL_END + 1, TALK),  # the queue's: many calls have it
    ],
)
def test_a_number_alone_or_at_another_time_is_no_evidence(
    ingest_site: IngestSite, name: str, modified: float, data: bytes
) -> None:
    assert ingest_one(ingest_site, name, modified, data=data) == NO_CDR
    assert list_recordings(ingest_site) == []


def test_two_calls_of_the_number_at_that_time_are_not_told_apart(ingest_site: IngestSite) -> None:
    lines = build_cdr_line() + build_cdr_line("1705311042.119", agent="1002")
    assert ingest_one(ingest_site, f"{CALLER}-093050.wav", OLD_TIMESTAMP, lines) == SEVERAL_CALLS


def test_times_in_names_are_in_the_zone_of_the_switch(ingest_site: IngestSite) -> None:
    lines = build_cdr_line(start="2024-01-15 06:30:42", answer="2024-01-15 06:30:50", end="2024-01-15 06:32:00")
    assert ingest_one(ingest_site, f"{CALLER}-063050.wav", OLD_TIMESTAMP, lines) == ""


def test_a_watch_takes_no_day_as_evidence(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    ingest_site.write_recording(f"2024-01-15/{CALLER}.wav", TALK)
    ingest_site.write_recording(f"2024-01-15/{CALLER}-093050.wav", make_wav(2, 70))
    with run_watch(ingest_site, "asterisk", "--cdr", cdr) as watch:
        wait_until(lambda: len(ingest_site.read_rows(schema.recordings)) == 1)
        wait_until(lambda: len(ingest_site.read_rows(schema.ingest_errors)) == 1)
        watch.stop()
    assert list_recordings(ingest_site) == [(f"{CALLER}-093050.wav", "1001")]


def test_time_grows_no_faster_than_the_length_of_a_name() -> None:
    def measure(length: int) -> float:
        start = time.process_time()
        for text in ("1-", "20240115-", "093050", "2024-01-", "0"):
            for _ in range(20):
                find_number_hints(PurePath("a", text * (length // len(text)), text * (length // len(text)) + ".wav"))
        return time.process_time() - start

    assert measure(60_000) < 40 * max(measure(6_000), 0.01)

"""Counts per app that processes share, and the sliding minute of flow control."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ccfs
from ccfs.web.app_counters import AppCounters, RequestKind
from ccfs.web.flow_control import _get_wait

DOWNLOAD, QUERY = RequestKind.DOWNLOAD, RequestKind.QUERY
OTHER_PROCESS = """
import sys
from pathlib import Path
from ccfs.web.app_counters import AppCounters, RequestKind
counters = AppCounters(Path(sys.argv[1]), 3)
counters.begin(7, RequestKind.DOWNLOAD)
counters.begin(7, RequestKind.DOWNLOAD)
counters.add_to_minute(7, RequestKind.DOWNLOAD, 600.0)
print("ready", flush=True)
sys.stdin.read()
"""


def start_process(path: Path) -> subprocess.Popen[str]:
    """Start a process that counts two requests of app 7 as under way, and keeps them."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ccfs.__file__).parents[1])}
    command = [sys.executable, "-c", OTHER_PROCESS, str(path)]
    process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_count_together_and_the_successor_of_a_dead_one_begins_at_zero(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    counters = AppCounters(path, 3)
    assert counters.begin(7, DOWNLOAD) == 1
    counters.add_to_minute(7, DOWNLOAD, 600.0)
    first, second = start_process(path), start_process(path)
    try:
        assert counters.count_in_flight(7, DOWNLOAD) == 5
        assert counters.count_in_flight(7, QUERY) == counters.count_in_flight(8, DOWNLOAD) == 0
        assert counters.count_minutes(7, DOWNLOAD, 630.0) == (3, 0)
        assert counters.get_own_share(7) == 0.2
        first.kill()
        first.wait()
        third = start_process(path)  # in the place of the first
        assert counters.count_in_flight(7, DOWNLOAD) == 5
        third.communicate("")
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    ("now", "expected"), [(659.0, (3, 0)), (660.0, (0, 3)), (719.0, (0, 3)), (720.0, (0, 0)), (3600.0, (0, 0))]
)
def test_a_minute_and_the_one_before_it_are_counted(now: float, expected: tuple[int, int]) -> None:
    counters = AppCounters()
    for _ in range(3):
        counters.add_to_minute(1, QUERY, 610.0)
    assert counters.count_minutes(1, QUERY, now) == expected
    counters.add_to_minute(1, QUERY, now)
    assert counters.count_minutes(1, QUERY, now) == (expected[0] + 1, expected[1])


def test_rejections_are_counted_for_an_hour() -> None:
    counters = AppCounters()
    for minute in range(0, 120, 5):
        counters.add_rejection(1, minute * 60.0)
        assert counters.count_rejections(1, minute * 60.0) == min(minute // 5 + 1, 12)
    assert counters.count_rejections(1, 4 * 3600.0) == 0
    assert counters.count_rejections(2, 115 * 60.0) == 0


def test_memory_is_used_only_for_rows_in_use() -> None:
    counters = AppCounters()
    for app in range(1, 200_000, 10_000):  # ids beyond the table fold into it
        counters.begin(app, DOWNLOAD)
        assert counters.count_in_flight(app, DOWNLOAD) >= 1


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 5000])
@pytest.mark.parametrize("previous_share", [0, 0.5, 1])
@pytest.mark.parametrize("current_share", [0, 0.5, 1])
@pytest.mark.parametrize("elapsed", [0.0, 13.0, 59.9])
def test_a_client_that_waits_as_told_is_admitted(
    limit: int, previous_share: float, current_share: float, elapsed: float
) -> None:
    """Until then the sum of the sliding minute is at the limit."""
    counters, begin = AppCounters(), 6000.0
    previous, current = int(limit * previous_share), int(limit * current_share)
    for count, at in ((previous, begin - 30), (current, begin)):
        for _ in range(count):
            counters.add_to_minute(1, DOWNLOAD, at)
    now = begin + elapsed
    wait = _get_wait(limit, *counters.count_minutes(1, DOWNLOAD, now), now)
    assert (wait > 0) == (previous * (1 - elapsed / 60) + current + 1 > limit)
    assert wait <= 120
    later = now + wait
    assert _get_wait(limit, *counters.count_minutes(1, DOWNLOAD, later), later) == 0

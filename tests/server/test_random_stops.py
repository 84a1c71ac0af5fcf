"""The short run of random_stops.py; tests/soak/test_random_stops.py has the long one."""

from pathlib import Path

from tests.server.random_stops import END_SECONDS, stop_once

ROUNDS = 4


def test_serve_acts_on_signals_at_random_moments(tmp_path: Path) -> None:
    seconds = [stop_once(tmp_path, workers=1 + number % 2) for number in range(ROUNDS)]
    assert max(seconds) < END_SECONDS

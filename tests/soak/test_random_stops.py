"""The long run of random_stops.py; tests/server/test_random_stops.py has a short one."""

from pathlib import Path

from tests.server.random_stops import END_SECONDS, stop_once

ROUNDS = 2000


def test_serve_acts_on_thousands_of_signals_at_random_moments(tmp_path: Path) -> None:
    seconds = sorted(stop_once(tmp_path, workers=1 + number % 2) for number in range(ROUNDS))
    assert seconds[-1] < END_SECONDS
    print(f"{ROUNDS} stops: median {seconds[ROUNDS // 2]:.2f} s, at most {seconds[-1]:.2f} s")

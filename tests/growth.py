"""How the time of a function grows with the length of its input, measured in CPU time, which other processes do not change."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Of an input of four times the length: linear work takes 4 times as long, quadratic work 16 times. 2.6 for each doubling.
MAX_RATIO = 2.6**2
_STEPS = 4  # the factor between two compared lengths
_ATTEMPTS = 3  # measurements that must all grow too fast: a single one may be disturbed
_ROUNDS = 3  # of which the fastest counts


def measure_seconds(run: Callable[[T], object], argument: T, rounds: int = _ROUNDS) -> float:
    """The least CPU time of some runs."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        seconds = []
        for _ in range(rounds):
            begin = time.thread_time()
            run(argument)
            seconds.append(time.thread_time() - begin)
    finally:
        if was_enabled:
            gc.enable()
    return min(seconds)


def measure_ratio(run: Callable[[T], object], build: Callable[[int], T], size: int, rounds: int = _ROUNDS) -> float:
    """How many times as long an input of `size` takes as one of a quarter of it."""
    short, long = build(size // _STEPS), build(size)
    return measure_seconds(run, long, rounds) / max(measure_seconds(run, short, rounds), 1e-7)


def grows_linearly(run: Callable[[T], object], build: Callable[[int], T], size: int, rounds: int = _ROUNDS) -> bool:
    """Whether the time of inputs of up to `size` grows with their length, and not faster. `build` makes one of a length."""
    return any(measure_ratio(run, build, size, rounds) <= MAX_RATIO for _ in range(_ATTEMPTS))

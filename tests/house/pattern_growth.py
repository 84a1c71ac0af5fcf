"""Find texts on which a regular expression takes more than linear time."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tests.growth import MAX_RATIO, grows_linearly, measure_seconds
from tests.house.regex_samples import HostileText, list_hostile_texts

LARGEST = 1 << 20  # characters
_COMPARED = 1024  # characters at which all texts are compared with a quarter of them
_FIRST_SIZES = (12, 16, 18, 20, 22, 24, 28, 36, 64, 256, _COMPARED)  # an exponential pattern must not run for minutes
_STUCK_SECONDS = 0.02  # no linear pattern takes as long for 1024 characters
_NOTICEABLE_SECONDS = 1e-4  # at `_COMPARED` characters; a quadratic pattern takes longer
_CONFIRMED = 2048  # characters at which a suspicion is checked
_MEASURABLE_SECONDS = 1e-3

_Search = Callable[[Any], object]


def build_search(pattern: re.Pattern[Any], method: str) -> _Search:
    """A function that uses the pattern on a text as the code does."""
    encode = (lambda text: text.encode("latin-1")) if isinstance(pattern.pattern, bytes) else str
    if method in ("sub", "subn"):
        nothing = encode("")
        return lambda text: getattr(pattern, method)(nothing, encode(text))
    if method == "finditer":
        return lambda text: deque(pattern.finditer(encode(text)), maxlen=0)
    return lambda text: getattr(pattern, method)(encode(text))


def find_superlinear_text(
    pattern: re.Pattern[Any], methods: Iterable[str], largest: int = LARGEST
) -> HostileText | None:
    """A text on which one of the methods takes more than linear time, up to `largest` characters; None if there is none."""
    texts = list_hostile_texts(pattern)
    return next(filter(None, (_find_text(build_search(pattern, name), texts, largest) for name in methods)), None)


def _find_text(search: _Search, texts: Iterable[HostileText], largest: int) -> HostileText | None:
    slowest, slowest_seconds = None, 0.0
    for text in texts:
        if (seconds := _measure_short(search, text, largest)) > _STUCK_SECONDS:
            return text
        if seconds > _NOTICEABLE_SECONDS and not _is_linear(search, text, min(_COMPARED, largest)):
            return text
        if seconds > slowest_seconds:
            slowest, slowest_seconds = text, seconds
    return slowest if slowest and not _is_linear_at_length(search, slowest, largest) else None


def _measure_short(search: _Search, text: HostileText, largest: int) -> float:
    """The seconds for `_COMPARED` characters, or for fewer if these take too long."""
    seconds = 0.0
    for size in (size for size in _FIRST_SIZES if size <= largest):
        argument = text.build(size)
        begin = time.thread_time()
        search(argument)
        seconds = time.thread_time() - begin
        if seconds > _STUCK_SECONDS:
            break
    return seconds


def _is_linear(search: _Search, text: HostileText, size: int) -> bool:
    short, long = (measure_seconds(search, text.build(length)) for length in (size // 4, size))
    return long <= MAX_RATIO * short or grows_linearly(search, text.build, min(_CONFIRMED, 2 * size), rounds=2)


def _is_linear_at_length(search: _Search, text: HostileText, largest: int) -> bool:
    """Whether the text that is slowest when short is linear at the largest size, too."""
    long = measure_seconds(search, text.build(largest), 1)
    if long < _MEASURABLE_SECONDS or long <= MAX_RATIO * measure_seconds(search, text.build(largest // 4), 1):
        return True
    return grows_linearly(search, text.build, largest, rounds=1)

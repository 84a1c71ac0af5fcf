"""Numbers, durations and lists of names in words."""

from collections.abc import Iterable

_MAX_NAMES = 4  # that are listed one by one


def count_things(number: int, noun: str) -> str:
    """Return a number with its noun: 1 file, 1,234 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_duration(seconds: float) -> str:
    """Return a duration such as 45 s, 3 min 20 s or 1 h 2 min."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def list_names(names: Iterable[str], limit: int = _MAX_NAMES) -> str:
    """Return a list such as 1001, 1002 and 1003. A long list ends with the number of further names."""
    every = list(dict.fromkeys(names))
    if len(every) > limit:
        every = [*every[: limit - 1], f"{len(every) - limit + 1} others"]
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))

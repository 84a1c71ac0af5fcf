"""How far a table was read, and the key from which the next pass reads.

A key is either a row's time or an increasing number. Rows appear late (a call's row is written when the call ends, with
the time of its begin) and may change afterwards. Every pass therefore reads the last few minutes again, and
occasionally the last hours or days. Reading a row twice changes nothing, because rows are identified by their content.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

# Seconds that are read again → seconds after which that is due: late rows, long calls, longer ones, rows changed since.
OVERLAPS: Final[Mapping[int, int]] = {900: 0, 10_800: 60, 93_600: 900, 691_200: 86_400}
_ID_MARGINS: Final = {
    900: 500
}  # ids that are read again beside the time: a row may be committed after one of a higher id
_ID_MARGIN: Final = 5000
_MARK_SECONDS: Final = 3600  # between two times whose id is remembered
_MAX_MARKS = 200
_MAX_SAMPLES: Final = 5
_MAX_AHEAD: Final = timedelta(hours=26)  # of a row's time: zones differ by 26 hours; later ones are of a wrong clock


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProgress:
    """How far a table was read."""

    high: str = ""  # the highest key of all rows, as the database writes it
    read_at: Mapping[int, float] = field(
        default_factory=dict
    )  # overlap → when it was read to the end, seconds since 1970
    marks: tuple[tuple[float, str], ...] = ()  # for ids: the highest id at some times
    samples: tuple[
        tuple[str, str], ...
    ] = ()  # for ids: some rows' ids and digests, which tell whether it is the same table

    def to_json(self) -> str:
        """Return the text to be stored with the cursor."""
        overlaps = {str(overlap): int(at) for overlap, at in self.read_at.items()}
        return json.dumps({"high": self.high, "read": overlaps, "marks": self.marks, "samples": self.samples})

    def choose_overlap(self, now: float) -> int:
        """Return the longest overlap that is due; 0 if the table was never read to its end."""
        if not self.read_at:
            return 0
        return max(overlap for overlap, every in OVERLAPS.items() if now - self.read_at.get(overlap, 0) >= every)

    def find_start(self, overlap: int, now: float, *, is_id: bool) -> str | None:
        """Return the key to read from, or None for the beginning."""
        if not self.high:
            return None
        overlap = overlap or min(OVERLAPS)
        if not is_id:
            return shift_key(self.high, -overlap)
        earlier = [key for at, key in self.marks if at <= now - overlap] or [key for _, key in self.marks[:1]]
        start = int(earlier[-1] if earlier else self.high) - _ID_MARGINS.get(overlap, _ID_MARGIN)
        return str(start) if start > 0 else None

    def advance(self, key: str, digest: str, now: float, *, is_id: bool) -> "TableProgress":
        """Return the progress after a page whose last row has this key and digest."""
        if not is_id and is_in_future(key, now):
            return self
        if self.high and not is_later(key, self.high):
            return self
        samples = (*self.samples[1 - _MAX_SAMPLES :], (key, digest)) if is_id else ()
        return replace(self, high=key, samples=samples)

    def finish(self, overlap: int, now: float, *, is_id: bool) -> "TableProgress":
        """Return the progress after the table was read to its end."""
        done = {known: now for known in OVERLAPS if not overlap or known <= overlap}
        marks = self.marks
        if is_id and self.high and (not marks or now - marks[-1][0] >= _MARK_SECONDS):
            marks = (*marks, (float(int(now)), self.high))[-_MAX_MARKS:]
        return replace(self, read_at={**self.read_at, **done}, marks=marks)


def parse_progress(text: str) -> TableProgress:
    """Return the stored progress. For any other text, return an empty one: the table is then read from its beginning."""
    try:
        stored = json.loads(text)
        return TableProgress(
            high=str(stored["high"]),
            read_at={int(overlap): float(at) for overlap, at in stored["read"].items()},
            marks=tuple((float(at), str(int(key))) for at, key in stored["marks"]),
            samples=tuple((str(key), str(digest)) for key, digest in stored["samples"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return TableProgress()


def shift_key(key: str, seconds: float) -> str | None:
    """Return a key shifted by some seconds, in the same form; None if it is not a time."""
    if (number := _parse_number(key)) is not None:
        return f"{number + seconds:.0f}"
    try:
        moved = datetime.fromisoformat(key[:19]) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y-%m-%d %H:%M:%S}" + (key[-3:] if key[-3:] == "+00" else "")


def is_later(key: str, other: str) -> bool:
    """Return whether a key is after another one of the same column."""
    numbers = _parse_number(key), _parse_number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] > numbers[1]
    return key > other


def is_in_future(key: str, now: float) -> bool:
    """Return whether a time is in the future in every time zone."""
    if (number := _parse_number(key)) is not None:
        return number > now + _MAX_AHEAD.total_seconds()
    latest = datetime.fromtimestamp(now, UTC) + _MAX_AHEAD
    return key[:19] > f"{latest:%Y-%m-%d %H:%M:%S}"


def list_spots(low: str, high: str, count: int) -> list[str]:
    """Return evenly spaced keys from one key to another, the lowest first."""
    numbers = _parse_number(low), _parse_number(high)
    if numbers[0] is None or numbers[1] is None:
        try:
            length = (datetime.fromisoformat(high[:19]) - datetime.fromisoformat(low[:19])).total_seconds()
        except ValueError:
            return [low]
    else:
        length = numbers[1] - numbers[0]
    spots = [shift_key(low, length * spot / count) for spot in range(count)]
    return list(dict.fromkeys(spot for spot in spots if spot is not None))


def number_key(key: str) -> int:
    """Return a key as a number to display: an id itself; 20260115093042 for 2026-01-15 09:30:42."""
    digits = "".join(letter for letter in key[:19] if letter.isascii() and letter.isdigit())
    return int(digits[:18] or 0)


def _parse_number(key: str) -> float | None:
    try:
        return float(key) if key.replace(".", "", 1).isdecimal() else None
    except ValueError:
        return None

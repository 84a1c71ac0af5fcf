"""Numbers, date and time of day in the name of a recording that has no id: `sales-02079460123-150941.gsm`."""

import re
from dataclasses import dataclass
from datetime import date, time
from itertools import islice
from pathlib import PurePath

from ccfs.ingest.recordings.file_names import get_stem

_MAX_STEM = 255  # characters
_MAX_NUMBERS = 8
_MAX_FOLDERS = 4  # folders above the file that may hold the date
_DIGITS = re.compile(r"[0-9]+")
_DATE = re.compile(r"(?<![0-9])(20[0-9]{2})([-_.]?)([01][0-9])\2([0-3][0-9])(?=[^0-9]|[0-9]{6}(?![0-9])|$)")
_TIME = re.compile(r"(?<![0-9])([0-2][0-9])([-_.:]?)([0-5][0-9])\2([0-5][0-9])(?![0-9])")
_MIN_DIGITS, _MAX_DIGITS = 2, 20  # of a number


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberHints:
    """Numbers in a file's name, and date and time in its path. Date and time are the switch's local ones."""

    numbers: tuple[str, ...]  # in the name
    day: date | None = None
    time_of_day: time | None = None


def find_number_hints(path: PurePath) -> NumberHints:
    """Return the hints in a file's name; the date may be in its folders, such as 2024/01/15 or 2024-01-15."""
    stem = get_stem(path.name)[-_MAX_STEM:]
    day, rest = _take_date(stem)
    time_of_day, rest = _take_time(rest)
    numbers = (found[0] for found in _DIGITS.finditer(rest) if _MIN_DIGITS <= len(found[0]) <= _MAX_DIGITS)
    if day is None:
        folders = "-".join(part[-_MAX_STEM:] for part in path.parent.parts[-_MAX_FOLDERS:])
        day = _take_date(folders)[0]
    return NumberHints(numbers=tuple(dict.fromkeys(islice(numbers, _MAX_NUMBERS))), day=day, time_of_day=time_of_day)


def _take_date(text: str) -> tuple[date | None, str]:
    """Return the last date in a text, and the text without it."""
    for match in reversed(list(_DATE.finditer(text))):
        try:
            day = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
        return day, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def _take_time(text: str) -> tuple[time | None, str]:
    """Return the last time of day in a text, and the text without it."""
    for match in reversed(list(_TIME.finditer(text))):
        try:
            time_of_day = time(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
        return time_of_day, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text

"""Compare a file's path with the path in a CDR by stems and common folders."""

import re

from ccfs.media.codec_table import strip_audio_extension

_SIDES = ("in", "out", "all", "mix")  # what Asterisk's Monitor and the scripts that mix its files add to a name
_SIDE_SUFFIX = re.compile(rf"-(?:{'|'.join(_SIDES)})$")
_DATE_OR_NUMBER = re.compile(r"[0-9][0-9._-]*")
_CONFERENCE = re.compile(r"(confbridge-.+-)([0-9]{9,11})$", re.DOTALL)
_CONFERENCE_SECONDS = 3  # between the answer of the first participant and the time in the recording's name


def get_base_name(path: str) -> str:
    """Return the last part of a path on a switch of any system."""
    return path.replace("\\", "/").rpartition("/")[2]


def get_stem(path: str) -> str:
    """Return the base name without audio extensions: a converted file has the stem of its source."""
    return strip_audio_extension(get_base_name(path))


def list_stems(name: str) -> tuple[str, ...]:
    """Return the stems under which a CDR may name this file, most likely first.

    `sales-in.wav` is one side of `sales`. The time in `confbridge-900-1705311042.wav` is close to that of a line.
    """
    stem = get_stem(name)
    stems = [stem, _SIDE_SUFFIX.sub("", stem)]
    if match := _CONFERENCE.fullmatch(stem):
        seconds = sorted(range(-_CONFERENCE_SECONDS, _CONFERENCE_SECONDS + 1), key=abs)
        stems += [f"{match[1]}{int(match[2]) + second}" for second in seconds]
    return tuple(dict.fromkeys(filter(None, stems)))


def list_sibling_stems(name: str) -> tuple[str, ...]:
    """Return the stems of files that contain the same recording or its other side."""
    stem = get_stem(name)
    base = _SIDE_SUFFIX.sub("", stem)
    return tuple(dict.fromkeys((stem, base, *(f"{base}-{side}" for side in _SIDES))))


def count_shared_folders(path: str, named: str) -> int | None:
    """Return how many trailing folders the two paths share, or None if they contradict each other.

    Folders with different days or numbers contradict each other: `2024/01/15/a.wav` is not `2024/01/16/a.wav`. Other
    differences do not count, because a tree may be copied or mounted elsewhere.
    """
    shared = 0
    for ours, theirs in zip(_list_folders(path), _list_folders(named), strict=False):
        if ours != theirs:
            return None if _DATE_OR_NUMBER.fullmatch(ours) and _DATE_OR_NUMBER.fullmatch(theirs) else shared
        shared += 1
    return shared


def is_date_or_number(name: str) -> bool:
    """Return whether a folder is named for a day, a month or a number."""
    return _DATE_OR_NUMBER.fullmatch(name) is not None


def _list_folders(path: str) -> list[str]:
    """Return the folders of a path, the innermost first."""
    return [part for part in path.replace("\\", "/").split("/")[-2::-1] if part not in ("", ".")]

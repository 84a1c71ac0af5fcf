"""Find rotated files that must have existed, by the numbers that logrotate assigns and increments with each rotation."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.model.source_files import MISSING, split_rotation_number

_MAX_GAPS = 20  # rows for one search


def find_gaps(
    source: str, known: Sequence[tuple[RotatedFile, RotatedFile]], paths: Iterable[str], time: datetime
) -> list[RotatedFile]:
    """Return rows for the missing files of a source, one for each number without a file.

    `known` are pairs of each known file on disk, before and now; `paths` are all files on disk. If the number of a
    known file has grown by three, there were three rotations, and their files have the lowest numbers.
    """
    shifts, numbers, lowest = defaultdict[str, int](int), defaultdict[str, set[int]](set), dict[str, int]()
    for old, row in known:
        was, now_at = split_rotation_number(old.path), split_rotation_number(row.path)
        if was and now_at and was[0] == now_at[0]:
            family, number = now_at
            shifts[family] = max(shifts[family], number - was[1])
            lowest[family] = min(lowest.get(family, was[1]), was[1])
    for path in paths:
        if split := split_rotation_number(path):
            numbers[split[0]].add(split[1])
    missing = []
    for family, shift in shifts.items():
        first = min({lowest[family], *numbers[family]})
        missing += [family.replace("#", str(number)) for number in _list_absent(first, shift, numbers[family])]
    return [RotatedFile(source=source, path=path, state=MISSING, since=time) for path in missing[:_MAX_GAPS]]


def _list_absent(first: int, count: int, present: Iterable[int]) -> list[int]:
    return sorted({*range(first, first + count)} - set(present))

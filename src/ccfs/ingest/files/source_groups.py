"""Group the log files of a folder: each source with the files that were rotated from it."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ccfs.model.source_files import get_rotation_base


def group_by_source(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return the rotated files of each source, in the order of the first file of each.

    A source may be absent: `cdr-2024-01-15.csv` is of `cdr.csv`. A rotated file in a folder (olddir) of the source's folder is of
    that source, unless the folder has such a source of its own.
    """
    paths = list(files)
    present = set(paths)
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        base = path.with_name(get_rotation_base(path.name))
        above = base.parent.parent / base.name
        source = above if base not in present and base != path and above in present else base
        groups[source] += [path] if source != path else []
    return dict(groups)

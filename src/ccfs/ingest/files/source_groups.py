"""Group the log files of a folder: each source with the files that were rotated from it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from ccfs.model.source_files import get_rotation_base

_TEMPORARY = (".tmp", ".part", ".swp", "~")  # logrotate's renamecopy, programs that copy, editors


def group_by_source(files: Iterable[Path], is_known: Callable[[Path], bool]) -> dict[Path, list[Path]]:
    """Return the rotated files of each source, in the order of their first files.

    A source may be absent: `cdr-2024-01-15.csv` belongs to `cdr.csv`. A rotated file in a subfolder (olddir) belongs to
    the source in the folder above, unless the subfolder has such a source itself. `is_known`: whether a path is that of
    a source that was read before. Files that a program is still writing under another name are left out.
    """
    paths = [file for file in files if not file.name.endswith(_TEMPORARY)]
    bases = {path: path.with_name(get_rotation_base(path.name)) for path in paths}
    sources, present = {base for path, base in bases.items() if base == path}, set(bases.values())
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path, base in bases.items():
        above = base.parent.parent / base.name
        is_within = base not in sources and base != path and (above in present or is_known(above))
        source = above if is_within else base
        groups[source] += [path] if source != path else []
    return dict(groups)

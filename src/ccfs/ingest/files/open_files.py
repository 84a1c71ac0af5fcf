"""Find files that a process on this machine has open for writing, as far as the kernel shows it (Linux: /proc)."""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from ccfs.ingest.files.scan import ScannedFile

_PROCESSES = Path("/proc")
_SEARCHED_SECONDS = 86_400.0  # after the last write
_MAX_DESCRIPTORS = 50_000  # looked at in one search, which takes 0.2 s


def find_unclosed(files: Iterable[ScannedFile]) -> set[Path]:
    """Return the paths of files that another process is writing. Files unchanged for a day are not checked."""
    now = time.time()
    return find_open_for_writing([file.path for file in files if now - file.modified_ns / 1e9 < _SEARCHED_SECONDS])


def find_open_for_writing(paths: Collection[Path], processes: Path = _PROCESSES) -> set[Path]:
    """Return the files that another process is writing. Only root sees the processes of other users."""
    if not paths:
        return set()
    by_target = {os.path.realpath(path): path for path in paths}
    found = set()
    for descriptor in islice(_iter_descriptors(processes), _MAX_DESCRIPTORS):
        try:
            path = by_target.get(os.readlink(descriptor))
            if path is not None and _is_writable(descriptor):
                found.add(path)
        except OSError:
            continue  # closed meanwhile
    return found


def _iter_descriptors(processes: Path) -> Iterator[str]:
    """Yield `/proc/PID/fd/NUMBER` of all other processes to which this one has access."""
    own = str(os.getpid())
    for process in _list_names(str(processes)):
        if process.isdecimal() and process != own:
            folder = f"{processes}/{process}/fd"
            for name in _list_names(folder):
                yield f"{folder}/{name}"


def _list_names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_writable(descriptor: str) -> bool:
    """Return whether the descriptor's flags, in octal, allow writing."""
    folder, _, number = descriptor.rpartition("/fd/")
    with open(f"{folder}/fdinfo/{number}", encoding="ascii") as info:
        flags = next((line.split()[1] for line in islice(info, 20) if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY

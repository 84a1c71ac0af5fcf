"""Free space of the disk that holds a folder."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """The disk of a folder."""

    device: int  # number of the file system, which locations may share
    free: int  # bytes that a process without privileges can write
    size: int  # bytes


def measure_disk(folder: Path) -> DiskUse | None:
    """Return the disk of a folder; None if the folder cannot be opened. It may hang where the disk does."""
    try:
        status, device = os.statvfs(folder), os.stat(folder).st_dev
    except (OSError, ValueError):
        return None
    unit = status.f_frsize
    return DiskUse(device=device, free=status.f_bavail * unit, size=status.f_blocks * unit)

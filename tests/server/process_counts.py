"""What a process holds, by /proc."""

import os
from contextlib import suppress
from pathlib import Path

OF_OTHERS = ("ccfs-tables-", "ccfs-pg-", "ccfs-s3-", "ccfs-maria-", "ccfs-check-")  # servers of tests, checks of ingest


def count_descriptors(pid: int) -> int:
    """Return the number of open descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def count_threads(pid: int) -> int:
    """Return the number of threads."""
    return len(os.listdir(f"/proc/{pid}/task"))


def get_cpu_seconds(pid: int) -> float:
    """Return the processor time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def list_special_files(folder: Path) -> list[Path]:
    """Return everything below a folder that is neither a folder nor an ordinary file."""
    return [path for path in folder.rglob("*") if not path.is_dir() and not path.is_file()]


def list_temporary_names() -> set[str]:
    """Return the names of our own in the folder for temporary files, but those of tests that run at the same time."""
    with suppress(OSError):
        return {name for name in os.listdir("/tmp") if "ccfs" in name and not name.startswith(OF_OTHERS)}
    return set()

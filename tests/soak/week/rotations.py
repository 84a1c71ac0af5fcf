"""Rotations of the logs by the real logrotate, in each of its manners."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ServerMissing
from tests.soak.week.steps import LOGS
from tests.soak.week.switch import PID, hold_lock

KEEP = 300  # rotated files that logrotate keeps, more than there are
_TODAY = re.compile(r"-20[0-9]{6}(?=[.]|\Z)")  # of dateext


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How logrotate rotates."""

    name: str
    directives: tuple[str, ...]
    is_forced: bool = True
    has_date: bool = False  # a day in the name, which must differ between rotations
    keeps_few: bool = False  # deletes files that are not read yet, if several are rotated

    @property
    def is_beside(self) -> bool:
        """Whether rotated files go to a folder beside the log's, where another switch might write."""
        return any(directive.startswith("olddir ../") for directive in self.directives)

    @property
    def loses_writes(self) -> bool:
        """Whether logrotate loses what is written while it copies or compresses a file: the switch waits then."""
        names = {directive.partition(" ")[0] for directive in self.directives}
        return bool(names & {"copytruncate", "renamecopy"}) or ("compress" in names and "delaycompress" not in names)


def _compress_with(program: str, suffix: str) -> tuple[str, ...]:
    path = f"/usr/bin/{program}"
    return "create", "compress", f"compresscmd {path}", f"uncompresscmd {path}", f"compressext {suffix}"


MANNERS = (
    Manner(name="create", directives=("create",)),
    Manner(name="compress", directives=("create", "compress")),
    Manner(name="delaycompress", directives=("create", "compress", "delaycompress")),
    Manner(name="dateext", directives=("create", "dateext"), has_date=True),
    Manner(name="dateext compress", directives=("create", "dateext", "compress"), has_date=True),
    Manner(name="dateformat", directives=("create", "dateext", "dateformat .%Y-%m-%d-%s", "compress", "delaycompress")),
    Manner(name="olddir within", directives=("create", "olddir old", "createolddir", "compress")),
    Manner(
        name="olddir beside", directives=("create", "olddir ../rotated", "createolddir", "dateext", "dateformat -%s")
    ),
    Manner(name="copytruncate", directives=("copytruncate",)),
    Manner(name="copytruncate compress", directives=("copytruncate", "compress")),
    Manner(name="nocreate", directives=("nocreate",)),
    Manner(name="nocreate compress", directives=("nocreate", "compress")),
    Manner(name="size", directives=("create", "size 1200", "compress", "delaycompress"), is_forced=False),
    Manner(name="zstd", directives=_compress_with("zstd", ".zst")),
    Manner(name="xz", directives=_compress_with("xz", ".xz")),
    Manner(name="bzip2", directives=_compress_with("bzip2", ".bz2")),
    Manner(name="start 0", directives=("create", "start 0", "compress", "delaycompress")),
    Manner(name="start 7", directives=("create", "start 7")),
    Manner(name="extension", directives=("create", "extension .csv", "compress")),
    Manner(name="extension dateext", directives=("create", "extension .csv", "dateext", "dateformat -%Y%m%d%H-%s")),
    Manner(name="renamecopy", directives=("renamecopy", "olddir ../rotated", "createolddir")),
    Manner(name="rotate 2", directives=("create", "rotate 2"), keeps_few=True),
)


class LogRotator:
    """Runs logrotate over the logs of a switch."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._program = folder, shutil.which("logrotate", path="/usr/sbin:/usr/bin")
        if self._program is None:
            raise ServerMissing("logrotate is missing: install the package logrotate")
        self.counts: Counter[str] = Counter()  # of rotated files, by manner
        self._days = self._archives = 0
        self._manner = ""  # of the last rotation

    def rotate(self, manner: Manner, logs: Iterable[str] = LOGS, *, is_locked: bool = False) -> None:
        """Rotate the logs once; `is_locked`: the caller holds the switch's lock."""
        if manner.name != self._manner:
            self._archive()
        self._manner, folder, before = manner.name, self._folder, self.list_rotated()
        config, state = folder / "logrotate.conf", folder / "logrotate.state"
        config.write_text(self._format_config(manner, logs))
        force = ["-f"] if manner.is_forced else []
        command = [str(self._program), *force, "-s", str(state), str(config)]
        with hold_lock(folder) if manner.loses_writes and not is_locked else nullcontext():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "already exists, skipping rotation" not in done.stderr:  # twice in a second
            assert done.returncode == 0, done.stdout + done.stderr
        if manner.has_date:
            self._rename_by_days()
        self.counts[manner.name] += len(self.list_rotated() - before)

    def _format_config(self, manner: Manner, logs: Iterable[str]) -> str:
        hang_up = f"kill -HUP $(cat {self._folder / PID}) || true"
        directives = [f"rotate {KEEP}", "missingok", "notifempty", *manner.directives]
        lines = [*directives, "sharedscripts", "postrotate", f"  {hang_up}", "endscript"]
        return " ".join(str(self._folder / log) for log in logs) + " {\n  " + "\n  ".join(lines) + "\n}\n"

    def _archive(self) -> None:
        """Move the rotated files to folders of their own: logrotate would overwrite some of another manner."""
        self._archives += 1
        for path in self.list_rotated():
            switch = self._folder / path.relative_to(self._folder).parts[0]
            folder = switch / ("log" if switch.name == "asterisk" else "cdr") / f"archive-{self._archives}"
            if path.parent == folder.parent:
                folder.mkdir(exist_ok=True)
                path.rename(folder / path.name)

    def _rename_by_days(self) -> None:
        """Give today's files the date of a day of their own, as if this rotation had been on that day."""
        self._days += 1
        for path in self.list_rotated():
            if match := _TODAY.search(path.name):
                stamp = f"-1999{1 + self._days // 28 % 12:02d}{1 + self._days % 28:02d}"
                path.rename(path.with_name(path.name.replace(match[0], stamp)))

    def list_rotated(self) -> set[Path]:
        """Return the rotated files of all logs."""
        names = {Path(log).name.removesuffix(".csv") for log in LOGS}
        roots = [self._folder / "asterisk", self._folder / "freeswitch"]
        files = (path for root in roots for path in root.rglob("*") if path.is_file())
        logs = {self._folder / log for log in LOGS}
        return {path for path in files if path.name.startswith(tuple(names)) and path not in logs}

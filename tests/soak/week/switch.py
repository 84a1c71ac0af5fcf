"""A switch that writes a week of files in some seconds, beside complete copies of its logs that are never rotated.

    python -m tests.soak.week.switch FOLDER SEED CALLS SECONDS

Master.csv of Asterisk is opened for each line, as cdr_csv does; the queue log and the CSV of FreeSWITCH stay open until SIGHUP.
A tenth of the lines is written in two pieces. The switch waits while another process holds the lock of FOLDER/writing.lock.
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.soak.week import asterisk_week, freeswitch_week
from tests.soak.week.steps import CDR_LOG, LOGS, Event, FileAction, FileStep, LineStep

LOCK, COMPLETE, PID = "writing.lock", "complete", "switch.pid"
SPLIT_SECONDS = 0.02  # between the two pieces of a line


class Switch:
    """Carries out the steps of a week."""

    def __init__(self, folder: Path, random: Random) -> None:
        self._folder, self._random = folder, random
        self._logs: dict[str, int] = {}  # descriptors
        self._files: dict[str, int] = {}
        self.is_hung_up = False

    def do(self, step: LineStep | FileStep) -> None:
        """Carry out a step."""
        if self.is_hung_up:
            self.is_hung_up = False
            self._reopen_logs()
        if isinstance(step, LineStep):
            self._append_line(step)
        else:
            self._write_file(step)

    def _reopen_logs(self) -> None:
        for log, descriptor in self._logs.items():
            os.close(descriptor)
            self._logs[log] = _open_log(self._folder / log)

    def _append_line(self, step: LineStep) -> None:
        is_open_always = step.log != CDR_LOG
        if is_open_always:
            descriptor = self._logs.get(step.log) or self._logs.setdefault(step.log, _open_log(self._folder / step.log))
        else:
            descriptor = _open_log(self._folder / step.log)
        data = step.text.encode()
        cut = self._random.randrange(1, len(data)) if self._random.random() < 0.1 else len(data)
        os.write(descriptor, data[:cut])
        if cut < len(data):
            time.sleep(SPLIT_SECONDS)
            os.write(descriptor, data[cut:])
        if not is_open_always:
            os.close(descriptor)
        with open(self._folder / COMPLETE / step.log, "ab") as file:
            file.write(data)

    def _write_file(self, step: FileStep) -> None:
        path = self._folder / step.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if step.action is FileAction.BEGIN:
            self._files[step.path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(self._files[step.path], step.data)
        elif step.action is FileAction.MORE:
            os.write(self._files[step.path], step.data)
        elif step.action is FileAction.END:
            descriptor = self._files.pop(step.path)
            os.pwrite(descriptor, step.data, 0)
            if step.modified:
                os.utime(descriptor, (step.modified, step.modified))
            os.close(descriptor)
        else:
            self._change_file(step, path)

    def _change_file(self, step: FileStep, path: Path) -> None:
        if step.action is FileAction.APPEND:
            with open(path, "ab") as file:
                file.write(step.data)
            if step.modified:
                os.utime(path, (step.modified, step.modified))
        elif step.action is FileAction.PUT:
            hidden = path.with_name(f".{path.name}.new")
            hidden.write_bytes(step.data)
            if step.modified:
                os.utime(hidden, (step.modified, step.modified))
            hidden.rename(path)
        elif step.action is FileAction.MOVE:
            target = self._folder / step.target
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        else:
            path.unlink()


def create_events(seed: int, calls: int) -> list[Event]:
    """Return the events of a week in order of time; a third of the calls is FreeSWITCH's."""
    asterisk = asterisk_week.iter_events(seed, calls * 2 // 3)
    events = [*asterisk, *freeswitch_week.iter_events(seed, calls // 3)]
    return sorted(events, key=lambda event: event.at)


def prepare_folders(folder: Path) -> None:
    """Create the empty logs and the folders."""
    for log in LOGS:
        for path in (folder / log, folder / COMPLETE / log):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o644)
    for name in ("asterisk/monitor", "freeswitch/recordings"):
        (folder / name).mkdir()
    (folder / LOCK).touch()


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock without which the switch does not write. Processes that are forked meanwhile do not keep it."""
    with open(folder / LOCK, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def main() -> None:
    folder, seed, calls, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    events, switch = create_events(seed, calls), Switch(folder, Random(f"switch {seed}"))
    signal.signal(signal.SIGHUP, lambda *_: setattr(switch, "is_hung_up", True))
    (folder / PID).write_text(str(os.getpid()))
    began, counts = time.monotonic(), Counter[str]()
    for number, event in enumerate(events):
        time.sleep(max(0.0, began + number * seconds / len(events) - time.monotonic()))
        asked = time.monotonic()
        with hold_lock(folder):
            began += time.monotonic() - asked  # the week goes on where it stopped
            switch.do(event.step)
        counts["lines" if isinstance(event.step, LineStep) else event.step.action.name.lower()] += 1
    for log in LOGS:  # "nocreate" may have left none
        os.close(_open_log(folder / log))
    (folder / PID).unlink()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # logrotate may have read the number already
    print(json.dumps(counts))


if __name__ == "__main__":
    main()

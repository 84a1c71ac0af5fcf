"""A week of files that grow and rotate in every manner of logrotate, ingested by watches that are killed again and again.

    python -m tests.soak.ingest_week FOLDER [SECONDS [CALLS [SEED [URL]]]]

URL is that of an empty PostgreSQL database; the default is SQLite. At the end, the rows are compared with those of one pass over
logs that were never rotated: first those of the watches, then those after a single run over the same files. Prints one JSON object; writes the differences to FOLDER/differences.json and exits with 1 if there
are any. tests/ingest/files/test_week.py runs a short version.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from ccfs.db import schema
from ccfs.model.source_files import READ
from tests.ingest.ingest_site import ACCOUNT_ID, IngestSite
from tests.soak.week import ingests
from tests.soak.week.comparison import Rows, find_differences, load_rows
from tests.soak.week.ingests import Watch, list_sources
from tests.soak.week.rotations import MANNERS, LogRotator, Manner
from tests.soak.week.steps import LOGS
from tests.soak.week.switch import COMPLETE, hold_lock, prepare_folders

ACCOUNT_ZONE = "Asia/Shanghai"  # not the switch's, so that a zone that is not detected shows
LIFE, DOWN = (0.3, 3.0), (0.0, 4.0)  # seconds that a watch runs, and that it is down
READING_SECONDS = 20.0  # in which watches read everything before a rotation that needs it
FINAL_SECONDS = 300.0  # in which watches that are not killed any more read what is left


class Week:
    """A week under way: a switch that writes, watches that are killed, and rotations."""

    def __init__(self, folder: Path, site: IngestSite, seconds: float, calls: int, seed: int) -> None:
        self.folder, self.site, self._random = folder, site, Random(seed)
        self._arguments = list(map(str, (folder, seed, calls, seconds)))
        self.sources = list_sources(folder, folder)
        self.watches = [Watch(site, source) for source in self.sources]
        self.rotator = LogRotator(folder)
        self._seconds = seconds
        self._rotated_beside = set[str]()  # logs with a rotated file in a folder beside theirs

    def run(self) -> dict[str, int]:
        """Run until the switch has written everything. Return what it has written."""
        self.wait_until(self._has_begun)  # what was rotated before the first pass is not read
        command = [sys.executable, "-m", "tests.soak.week.switch", *self._arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as switch:
            try:
                self._run_watches(switch)
            except BaseException:
                switch.kill()
                raise
            out, _ = switch.communicate()
        assert switch.returncode == 0
        return dict(json.loads(out))

    def _run_watches(self, switch: subprocess.Popen[str]) -> None:
        """Kill and start watches, and rotate, until the switch ends."""
        turns = dict.fromkeys(self.watches, 0.0)
        pause = self._seconds / (len(MANNERS) * 3 + 2)  # three rotations of each manner, at least
        began = next_rotation = time.monotonic()
        manners = list(MANNERS)
        self._random.shuffle(manners)
        while switch.poll() is None:
            now = time.monotonic()
            for watch, turn in turns.items():
                if now >= turn:
                    turns[watch] = now + self._toggle(watch)
            if now >= next_rotation and now - began > pause:
                began += self._rotate(manners[int((now - began) / self._seconds * len(manners)) % len(manners)])
                next_rotation = time.monotonic() + self._random.uniform(0.2, 1.0) * min(pause, 3.0)
            time.sleep(0.01)

    def close(self) -> None:
        """Kill what still runs."""
        for watch in self.watches:
            if watch.is_running:
                watch.stop()

    def _toggle(self, watch: Watch) -> float:
        """Kill or start a watch. Return for how many seconds it runs or is down."""
        if watch.is_running:
            watch.stop()
            return self._random.uniform(*DOWN) if self._random.random() < 0.3 else 0.0
        watch.start()
        return self._random.uniform(*LIFE)

    def _rotate(self, manner: Manner) -> float:
        """Rotate some logs. Return for how many seconds the switch had to wait."""
        logs = [log for log in LOGS if self._random.random() < 0.8] or list(LOGS)
        if manner.keeps_few:  # what logrotate deletes must have been read
            return self._rotate_when_read(manner, logs)
        if manner.is_beside and not self._rotated_beside.issuperset(logs):
            # The first file in a folder beside is known by what was read of it: another switch might have left it there.
            return self._rotate_when_read(manner, [log for log in logs if (self.folder / log).exists()])
        for _ in range(self._random.choice((1, 1, 1, 2))):
            self.rotator.rotate(manner, logs)
        return 0.0

    def _rotate_when_read(self, manner: Manner, logs: list[str]) -> float:
        began = time.monotonic()
        with hold_lock(self.folder):
            if not self.wait_until(self._has_read_all, READING_SECONDS):
                logs = []  # another time
            if manner.is_beside:
                # Two logs that both begin with the same damaged line look alike until the second line.
                logs = [log for log in logs if (self.folder / log).read_bytes().count(b"\n") > 1]
                self._rotated_beside.update(logs)
            if logs:
                self.rotator.rotate(manner, logs, is_locked=True)
        return time.monotonic() - began

    def catch_up(self, expected: dict[str, Rows]) -> None:
        """Wait until the watches have ingested the expected rows and no others."""
        self.wait_until(lambda: not find_differences(expected, load_rows(self.site)))

    def wait_until(self, condition: Callable[[], bool], seconds: float = FINAL_SECONDS) -> bool:
        """Run the watches until the condition is true, or for some seconds. Return whether it is true."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for watch in self.watches:
                if not watch.is_running:
                    watch.start()
            asked = time.monotonic()
            if condition():
                return True
            time.sleep(max(0.1, time.monotonic() - asked))  # the watches need the processor, too
        return False

    def _has_begun(self) -> bool:
        return len(self.site.read_rows(schema.source_cursors)) == len(LOGS)

    def _has_read_all(self) -> bool:
        """Return whether every log, and every file that was rotated from one, is known and was read to its end."""
        rotated = self.site.read_rows(schema.rotated_files, "state", "size", "offset", "modified_ns")
        rows = self.site.read_rows(schema.source_cursors, "path", "offset", "head")
        cursors = {path: (offset, head) for path, offset, head in rows}
        logs = [self.folder / log for log in LOGS if (self.folder / log).exists()]
        read = {(size, at) for state, size, offset, at in rotated if state == READ or size == offset}
        files = [path.stat() for path in self.rotator.list_rotated()]
        return all(_is_read(log, *cursors.get(f"{ACCOUNT_ID}:{log}", (0, b""))) for log in logs) and all(
            (file.st_size, file.st_mtime_ns) in read for file in files
        )


def _is_read(log: Path, offset: int, head: bytes) -> bool:
    """Return whether a log was read to its end, and not a log of the same size before it."""
    content = log.read_bytes()
    return len(content) == offset and content.startswith(head)


def run_reference(site: IngestSite, folder: Path) -> dict[str, Rows]:
    """Ingest the logs that were never rotated in one pass. Return its rows."""
    complete = folder / COMPLETE
    for path in (folder / "freeswitch" / "cdr").iterdir():
        if path.suffix in (".json", ".xml"):
            shutil.copy2(path, complete / "freeswitch" / "cdr" / path.name)
    for source in list_sources(complete, folder):
        ingests.run_to_end(site, source)
    return load_rows(site)


def run(folder: Path, seconds: float, calls: int, seed: int, url: str) -> dict[str, Any]:
    """Run a week. Return counts, and how many rows differ from those of one pass."""
    switch = folder / "switch"
    prepare_folders(switch)
    site, reference = (
        IngestSite(folder / name, database, ACCOUNT_ZONE).prepare()
        for name, database in (("watched", url), ("reference", ""))
    )
    with closing(Week(switch, site, seconds, calls, seed)) as week:
        written = week.run()
        expected = run_reference(reference, switch)
        week.catch_up(expected)
        for watch in week.watches:
            watch.stop(signal.SIGTERM)
    by_watches = load_rows(site)
    for source in week.sources:
        ingests.run_to_end(site, source)
    found = load_rows(site)
    differences = find_differences(expected, found)
    late = find_differences(found, by_watches)
    (folder / "differences.json").write_text(json.dumps(differences, indent=1))
    blobs = site.check_blobs()
    return {
        "kills": sum(watch.kills for watch in week.watches),
        "starts": sum(watch.starts for watch in week.watches),
        "failures": sum(watch.failures for watch in week.watches),
        "rotated": dict(week.rotator.counts),
        "written": written,
        "rows": {name: rows.total() for name, rows in expected.items()},
        "replaced": sum(row["replaced_at"] is not None for row in site.read_tables()["recording_sources"]),
        "late": {name: {kind: len(rows[kind]) for kind in rows} for name, rows in late.items()},
        "blobs": {name: blobs[name] for name in ("whole", "torn", "absent", "shared", "twice")},
        "lost": sum(len(rows["lost"]) for rows in differences.values()),
        "extra": sum(len(rows["extra"]) for rows in differences.values()),
        "differences": {name: {kind: len(rows[kind]) for kind in rows} for name, rows in differences.items()},
        "examples": list_examples(site, week.rotator, differences),
    }


def list_examples(
    site: IngestSite, rotator: LogRotator, differences: dict[str, dict[str, list[str]]]
) -> dict[str, list[str]]:
    """Return some rows that differ, what is known of files that were not read, and all rotated files; {} without differences."""
    if not differences:
        return {}
    rows = {
        f"{name} {kind}": [row[:1500] for row in rows[:3]]
        for name, of in differences.items()
        for kind, rows in of.items()
    }
    unread = site.read_rows(schema.rotated_files, "path", "state", "size", "offset", "line")
    rows["unread"] = [str(row) for row in unread if row[1] != READ]
    rows["cursors"] = [str(row) for row in site.read_rows(schema.source_cursors, "path", "offset", "line")]
    rows["files"] = sorted(f"{path} {path.stat().st_size}" for path in rotator.list_rotated())
    return rows


def main() -> None:
    defaults = ["60", "400", "1", ""]
    given = sys.argv[2:]
    seconds, calls, seed, url = (*given, *defaults[len(given) :])
    results = run(Path(sys.argv[1]), float(seconds), int(calls), int(seed), url)
    print(json.dumps(results))
    blobs = results["blobs"]
    sys.exit(
        bool(
            results["differences"]
            or results["late"]
            or any(blobs[name] for name in ("torn", "absent", "shared", "twice"))
        )
    )


if __name__ == "__main__":
    main()

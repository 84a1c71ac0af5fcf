"""A week of files that grow and rotate in every manner of logrotate, ingested by watches that are killed again and again.

    python -m tests.soak.ingest_week FOLDER [SECONDS [CALLS [SEED [URL]]]]

URL is that of an empty PostgreSQL database; the default is SQLite. At the end, the rows are compared with those of one pass over
logs that were never rotated. Prints one JSON object; writes the differences to FOLDER/differences.json and exits with 1 if there
are any. tests/ingest/test_week.py runs a short version.
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
from tests.ingest.ingest_site import ACCOUNT_ID, IngestSite
from tests.soak.week import ingests
from tests.soak.week.comparison import find_differences, load_rows
from tests.soak.week.ingests import Watch, list_sources
from tests.soak.week.rotations import MANNERS, LogRotator, Manner
from tests.soak.week.steps import LOGS
from tests.soak.week.switch import COMPLETE, hold_lock, prepare_folders

ACCOUNT_ZONE = "Asia/Shanghai"  # not the switch's, so that a zone that is not detected shows
LIFE, DOWN = (0.3, 3.0), (0.0, 4.0)  # seconds that a watch runs, and that it is down
FINAL_SECONDS, IDLE_SECONDS = 120.0, 3.0


class Week:
    """A week under way: a switch that writes, watches that are killed, and rotations."""

    def __init__(self, folder: Path, site: IngestSite, seconds: float, calls: int, seed: int) -> None:
        self.folder, self.site, self._random = folder, site, Random(seed)
        command = ["-m", "tests.soak.week.switch", folder, seed, calls, seconds]
        self._switch = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True)
        self.sources = list_sources(folder, folder)
        self.watches = [Watch(site, source) for source in self.sources]
        self.rotator = LogRotator(folder)
        self._seconds = seconds
        self.downtimes_over_rotations = 0

    def run(self) -> dict[str, int]:
        """Run until the switch has written everything. Return what it has written."""
        turns = dict.fromkeys(self.watches, 0.0)
        pause = self._seconds / (len(MANNERS) * 3 + 2)  # three rotations of each manner, at least
        began = next_rotation = time.monotonic()
        manners = list(MANNERS)
        self._random.shuffle(manners)
        while self._switch.poll() is None:
            now = time.monotonic()
            for watch, turn in turns.items():
                if now >= turn:
                    turns[watch] = now + self._toggle(watch)
            if now >= next_rotation and now - began > pause:
                self._rotate(manners[int((now - began) / self._seconds * len(manners)) % len(manners)])
                next_rotation = time.monotonic() + self._random.uniform(0.2, 1.0) * min(pause, 3.0)
            time.sleep(0.01)
        out, _ = self._switch.communicate()
        assert self._switch.returncode == 0
        return dict(json.loads(out))

    def close(self) -> None:
        """Kill what still runs."""
        self._switch.kill()
        self._switch.wait()
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

    def _rotate(self, manner: Manner) -> None:
        if manner.keeps_few:  # what logrotate deletes must have been read
            with hold_lock(self.folder):
                self.wait_until(self._has_read_all)
                self.rotator.rotate(manner)
            return
        logs = [log for log in LOGS if self._random.random() < 0.8]
        for _ in range(self._random.choice((1, 1, 1, 2))):
            self.rotator.rotate(manner, logs or LOGS)

    def catch_up(self) -> None:
        """Wait until watches of all sources have read everything, and nothing has changed for a while."""
        self.wait_until(self._has_read_all)
        self.wait_until(lambda: False, self._count_rows)

    def wait_until(self, condition: Callable[[], bool], read_state: Callable[[], object] = lambda: None) -> None:
        """Run the watches until the condition is true, or the state has not changed for some seconds."""
        began = since = time.monotonic()
        state = read_state()
        while not condition() and time.monotonic() - began < FINAL_SECONDS:
            for watch in self.watches:
                if not watch.is_running:
                    watch.start()
            time.sleep(0.1)
            if (new := read_state()) != state:
                state, since = new, time.monotonic()
            if state is not None and time.monotonic() - since > IDLE_SECONDS:
                return

    def _has_read_all(self) -> bool:
        rotated = self.site.read_rows(schema.rotated_files, "state", "size", "offset")
        cursors = dict(self.site.read_rows(schema.source_cursors, "path", "offset"))
        logs = [self.folder / log for log in LOGS if (self.folder / log).exists()]
        return all(cursors.get(f"{ACCOUNT_ID}:{log}", 0) == log.stat().st_size for log in logs) and all(
            state not in ("open", "missing") or size == offset for state, size, offset in rotated
        )

    def _count_rows(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.site.read_tables().items()}


def run_reference(site: IngestSite, folder: Path) -> None:
    """Ingest the logs that were never rotated in one pass."""
    complete = folder / COMPLETE
    for path in (folder / "freeswitch" / "cdr").iterdir():
        if path.suffix in (".json", ".xml"):
            shutil.copy2(path, complete / "freeswitch" / "cdr" / path.name)
    for source in list_sources(complete, folder):
        ingests.run_to_end(site, source)


def run(folder: Path, seconds: float, calls: int, seed: int, url: str) -> dict[str, Any]:
    """Run a week. Return counts, and how many rows differ from those of one pass."""
    switch = folder / "switch"
    prepare_folders(switch)
    site = IngestSite(folder / "watched", url, ACCOUNT_ZONE).prepare()
    with closing(Week(switch, site, seconds, calls, seed)) as week:
        written = week.run()
        week.catch_up()
        for watch in week.watches:
            watch.stop(signal.SIGTERM)
    by_watches = load_rows(site)
    for source in week.sources:
        ingests.run_to_end(site, source)
    found = load_rows(site)
    reference = IngestSite(folder / "reference", "", ACCOUNT_ZONE).prepare()
    run_reference(reference, switch)
    expected = load_rows(reference)
    differences = find_differences(expected, found)
    late = sum((found[name] - by_watches[name]).total() for name in found)
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
        "late": late,
        "blobs": {name: blobs[name] for name in ("whole", "torn", "absent", "shared", "twice")},
        "lost": sum(len(rows["lost"]) for rows in differences.values()),
        "extra": sum(len(rows["extra"]) for rows in differences.values()),
        "differences": {name: {kind: len(rows[kind]) for kind in rows} for name, rows in differences.items()},
    }


def main() -> None:
    defaults = ["60", "400", "1", ""]
    given = sys.argv[2:]
    seconds, calls, seed, url = (*given, *defaults[len(given) :])
    results = run(Path(sys.argv[1]), float(seconds), int(calls), int(seed), url)
    print(json.dumps(results))
    blobs = results["blobs"]
    sys.exit(bool(results["differences"] or any(blobs[name] for name in ("torn", "absent", "shared", "twice"))))


if __name__ == "__main__":
    main()

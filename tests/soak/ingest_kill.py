"""Kills `ccfs ingest` at random moments, then lets it end, and compares with a run that nobody disturbed.

    python -m tests.soak.ingest_kill FOLDER [KILLS [SEED [URL]]]

tests/work/ingest/test_kill.py runs a short one. Prints one JSON object; ends with 1 where anything is not as it must be.
URL is that of an empty PostgreSQL database; without it the rows are SQLite's. The command is forked from this process,
which has imported it: a kill then meets work, not imports.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccfs.cli import main as ccfs
from ccfs.db import schema
from ccfs.demo.simulator.day import write_day
from tests.ingest.ingest_site import OLD_TIMESTAMP, IngestSite, iter_cdr_lines, make_wav

CALLS, LINES, RECORDINGS = 24, 2100, 80  # of the day; more lines than one transaction takes
VARYING_COLUMNS = (
    "id",
    "created_at",
    "read_at",
    "seen_at",
    "rejected_at",
    "missing_at",
)  # what may differ between two runs
COMPARED_TABLES = (
    "cdrs",
    "recordings",
    "agent_operations",
    "queue_visits",
    "device_numbers",
    "expected_recordings",
    "ingest_errors",
    "source_files",
)


def write_switch_files(folder: Path) -> list[str]:
    """What a switch leaves, and the arguments that name it."""
    day = write_day(folder, day=date(2024, 1, 15), zone="Europe/London", language="en", calls=CALLS, seed=5)
    with open(day.cdr, "a") as file:
        file.writelines(iter_cdr_lines(LINES))
        file.write("nonsense\n")
    calls = [text.split('","')[16] for text in list(iter_cdr_lines(3 * RECORDINGS))[::3]]
    for number, call in enumerate(calls):
        path = day.recordings / f"{call}.{('alaw', 'sln', 'wav')[number % 3]}"
        path.write_bytes(make_wav(number, 8))
        os.utime(path, (OLD_TIMESTAMP, OLD_TIMESTAMP))
    for path in (day.cdr, day.queue_log):
        os.utime(path, (OLD_TIMESTAMP, OLD_TIMESTAMP))
    return ["--cdr", str(day.cdr), "--queue-log", str(day.queue_log), "--recordings", str(day.recordings)]


def start_ingest(place: IngestSite, arguments: list[str]) -> int:
    """The process of an ingest; nothing that this process has open is shared with it."""
    place.node.database.close()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.environ.update(place.environment)
            sys.argv = ["ccfs", *place.build_command("asterisk", *arguments)]
            with open(place.folder / "ingest.log", "ab", buffering=0) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            ccfs()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    return child


def run_undisturbed(place: IngestSite, arguments: list[str]) -> float:
    """Let an ingest end; how many seconds it took."""
    began = time.monotonic()
    _, status = os.waitpid(start_ingest(place, arguments), 0)
    assert os.waitstatus_to_exitcode(status) == 0, (place.folder / "ingest.log").read_text()
    return time.monotonic() - began


def kill_ingest(place: IngestSite, arguments: list[str], seconds: float) -> bool:
    """Whether an ingest was still at work when it was killed."""
    child = start_ingest(place, arguments)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def load_rows(place: IngestSite) -> dict[str, list[Any]]:
    """All rows that matter, without what may differ."""
    return {
        name: sorted(str({key: value for key, value in row.items() if key not in VARYING_COLUMNS}) for row in found)
        for name, found in place.read_tables().items()
        if name in COMPARED_TABLES
    }


def delete_ingested(place: IngestSite) -> None:
    """Forget all that was ingested."""
    with place.node.database.write_transaction() as connection:
        for name in (*COMPARED_TABLES, "source_cursors"):
            connection.execute(sa.delete(schema.METADATA.tables[name]))
    shutil.rmtree(place.folder / "data" / "files")


def run(folder: Path, kills: int, seed: int, url: str) -> dict[str, Any]:
    """Counts over so many kills; each time that all is in, it begins anew."""
    chance, counts = random.Random(seed), Counter[str]()
    arguments = write_switch_files(folder / "left")
    whole, place = IngestSite(folder / "whole").prepare(), IngestSite(folder / "killed", url).prepare()
    seconds = run_undisturbed(whole, arguments)
    expected, most = load_rows(whole), 0
    while counts["kills"] < kills:
        if kill_ingest(place, arguments, chance.uniform(0, seconds)):
            counts["kills"] += 1
        else:
            counts["ended"] += 1
            counts["unequal"] += load_rows(place) != expected
            delete_ingested(place)
        found = place.check_blobs()
        most = max(most, found["orphans"])
        counts += Counter({name: found[name] for name in ("torn", "absent", "twice", "shared")})
    run_undisturbed(place, arguments)
    found = place.check_blobs()
    counts["unequal"] += load_rows(place) != expected or found["whole"] != whole.check_blobs()["whole"]
    counts["unequal"] += {key for key in place.read_files() if not key.startswith(".tmp/")} != set(whole.read_files())
    counts["orphans"] = found["orphans"]
    left = sum(key.startswith(".tmp/") for key in place.read_files())
    done = {"seconds": round(seconds, 2), "rows": len(expected["cdrs"]), "recordings": found["whole"]}
    bad = {name: counts[name] for name in ("torn", "absent", "twice", "shared", "orphans", "unequal")}
    return {
        "kills": kills,
        "ended": counts["ended"],
        "seed": seed,
        **done,
        "orphans_meanwhile": most,
        "temporary": left,
        **bad,
    }


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "100", "1"][:2])
    found = run(folder, kills, seed, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(found))
    sys.exit(any(found[name] for name in ("torn", "absent", "twice", "shared", "orphans", "unequal")))


if __name__ == "__main__":
    main()

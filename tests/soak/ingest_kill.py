"""Kills `ccfs ingest` at random moments, lets it finish, and compares the result with that of an uninterrupted run.

    python -m tests.soak.ingest_kill FOLDER [KILLS [SEED [URL]]]

URL is that of an empty PostgreSQL database; the default is SQLite. The command is forked from this process, which has imported it, so
that kills hit the ingest and not its imports. Prints one JSON object. Exits with 1 if the results differ or blobs are damaged.
tests/ingest/test_kill.py runs a short version.
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

CALLS, LINES, RECORDINGS = 24, 2100, 80  # more lines than fit in one transaction
VARYING_COLUMNS = (
    "id",
    "created_at",
    "read_at",
    "seen_at",
    "rejected_at",
    "missing_at",
)  # may differ between two runs
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
    """Write the files of a switch. Return the arguments that name them."""
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


def start_ingest(site: IngestSite, arguments: list[str]) -> int:
    """Fork an ingest, which shares no database connection with this process. Return its process id."""
    site.node.database.close()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.environ.update(site.environment)
            sys.argv = ["ccfs", *site.build_command("asterisk", *arguments)]
            with open(site.folder / "ingest.log", "ab", buffering=0) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            ccfs()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            os._exit(code)
    return child


def run_uninterrupted(site: IngestSite, arguments: list[str]) -> float:
    """Run an ingest to its end. Return its seconds."""
    began = time.monotonic()
    _, status = os.waitpid(start_ingest(site, arguments), 0)
    assert os.waitstatus_to_exitcode(status) == 0, (site.folder / "ingest.log").read_text()
    return time.monotonic() - began


def kill_ingest(site: IngestSite, arguments: list[str], seconds: float) -> bool:
    """Kill an ingest after some seconds. Return whether it was still running."""
    child = start_ingest(site, arguments)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def load_rows(site: IngestSite) -> dict[str, list[Any]]:
    """Return all rows of the compared tables without the columns that may differ."""
    return {
        name: sorted(str({key: value for key, value in row.items() if key not in VARYING_COLUMNS}) for row in rows)
        for name, rows in site.read_tables().items()
        if name in COMPARED_TABLES
    }


def delete_ingested(site: IngestSite) -> None:
    """Delete all ingested rows and files."""
    with site.node.database.write_transaction() as connection:
        for name in (*COMPARED_TABLES, "source_cursors"):
            connection.execute(sa.delete(schema.METADATA.tables[name]))
    shutil.rmtree(site.folder / "data" / "files")


def run(folder: Path, kills: int, seed: int, url: str) -> dict[str, Any]:
    """Return counts over so many kills. After each complete ingest everything is deleted and ingested again."""
    generator, counts = random.Random(seed), Counter[str]()
    arguments = write_switch_files(folder / "switch")
    reference, site = IngestSite(folder / "reference").prepare(), IngestSite(folder / "killed", url).prepare()
    seconds = run_uninterrupted(reference, arguments)
    expected, max_orphans = load_rows(reference), 0
    while counts["kills"] < kills:
        if kill_ingest(site, arguments, generator.uniform(0, seconds)):
            counts["kills"] += 1
        else:
            counts["ended"] += 1
            counts["unequal"] += load_rows(site) != expected
            delete_ingested(site)
        blobs = site.check_blobs()
        max_orphans = max(max_orphans, blobs["orphans"])
        counts += Counter({name: blobs[name] for name in ("torn", "absent", "twice", "shared")})
    run_uninterrupted(site, arguments)
    blobs = site.check_blobs()
    counts["unequal"] += load_rows(site) != expected or blobs["whole"] != reference.check_blobs()["whole"]
    counts["unequal"] += {key for key in site.read_files() if not key.startswith(".tmp/")} != set(
        reference.read_files()
    )
    counts["orphans"] = blobs["orphans"]
    temporary = sum(key.startswith(".tmp/") for key in site.read_files())
    ingested = {"seconds": round(seconds, 2), "rows": len(expected["cdrs"]), "recordings": blobs["whole"]}
    violations = {name: counts[name] for name in ("torn", "absent", "twice", "shared", "orphans", "unequal")}
    return {
        "kills": kills,
        "ended": counts["ended"] + 1,  # with the last one
        "seed": seed,
        **ingested,
        "max_orphans": max_orphans,
        "temporary": temporary,
        **violations,
    }


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "100", "1"][:2])
    results = run(folder, kills, seed, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(results))
    sys.exit(any(results[name] for name in ("torn", "absent", "twice", "shared", "orphans", "unequal")))


if __name__ == "__main__":
    main()

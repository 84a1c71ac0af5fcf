"""Ingest of CDR lines, compared with `sqlite3 .import`, and of recordings, with `cp` and `sha256sum`: ratios, and memory.

    scripts/bench ingest [--json] [--lines N] [--files N] [--rounds N]

The rivals do less: .import does not parse, sync or maintain an index; cp does not sync. Each round runs both in turn in empty
folders. Recordings are 30 s of A-law (240 KB).
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _servers as servers

from ccfs.model.recordings.wav import A_LAW, build_header
from ccfs.server.node import Node
from ccfs.settings import load_settings

CCFS = str(Path(sys.executable).parent / "ccfs")
SECONDS = 30  # duration of a recording
FIRST_EPOCH = 1704067200  # begin of the first call


def build_cdr_line(number: int, generator: random.Random) -> str:
    """Return a CDR of cdr_csv with all columns. Every fourth is a second leg of the previous call."""
    call = number - (number % 4 == 3)
    begin, agent = FIRST_EPOCH + number * 7, 1001 + generator.randrange(40)
    start, answer, end = (
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S") for moment in (begin, begin + 5, begin + 65)
    )
    caller = f"0207946{generator.randrange(1000):04d}"
    return (
        f'"","{caller}","600","from-trunk","""Caller"" <{caller}>","PJSIP/trunk-{number:08x}","PJSIP/{agent}-{number:08x}",'
        f'"Queue","600,t,,,60","{start}","{answer}","{end}",65,60,"ANSWERED","DOCUMENTATION","{FIRST_EPOCH + call * 7}.{call}",'
        f'"","","{FIRST_EPOCH + call * 7}.{call}","{number}"\n'
    )


def write_switch_files(folder: Path, lines: int, files: int) -> None:
    """Write a CDR file, and recordings of its first calls."""
    generator = random.Random(1)
    with open(folder / "Master.csv", "w") as file:
        file.writelines(build_cdr_line(number, generator) for number in range(lines))
    (folder / "monitor").mkdir()
    audio = generator.randbytes(8000 * SECONDS)
    header = build_header(tag=A_LAW, rate=8000, channels=1, bits=8, data_size=len(audio))
    for number in range(files):
        call = number * 4  # none of them a second leg
        unique_bytes = call.to_bytes(8, "big")
        (folder / "monitor" / f"{FIRST_EPOCH + call * 7}.{call}.wav").write_bytes(header + unique_bytes + audio[8:])


def run_timed(command: list[str]) -> tuple[float, float]:
    """Run a command. Return its wall seconds, and the peak memory of any child process so far in MB."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def create_empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def measure_ingest(work: Path, source: Path, *, recordings: bool) -> tuple[float, float]:
    """Measure an ingest of the CDRs, or with `recordings` of the recordings after that of the CDRs."""
    data = create_empty_folder(work / "data")
    data_option = ["--data", str(data)]
    subprocess.run([CCFS, "app", "add", "bench", "--ak", "BENCH", *data_option], check=True, capture_output=True)
    account = ["--app", "BENCH", "--account", "b", "--vdn", "1"]
    subprocess.run([CCFS, "account", "add", *account, "--zone", "UTC", *data_option], check=True, capture_output=True)
    command = [CCFS, "ingest", "asterisk", *account, "--cdr", str(source / "Master.csv"), "--json", *data_option]
    if not recordings:
        return run_timed(command)
    run_timed(command)
    return run_timed([*command, "--recordings", str(source / "monitor")])


def measure_sqlite_import(work: Path, source: Path) -> float:
    database = create_empty_folder(work / "rival") / "cdr.db"
    columns = ",".join(f"c{number}" for number in range(21))
    script = f"CREATE TABLE cdr({columns});\n.mode csv\n.import {source / 'Master.csv'} cdr\n"
    return run_timed(["sh", "-c", f"sqlite3 {database} <<'END'\n{script}END\n"])[0]


def measure_file_copy(work: Path, source: Path) -> float:
    target = create_empty_folder(work / "rival")
    command = f"cp -r {source / 'monitor'} {target}/ && find {target} -name '*.wav' -print0 | xargs -0 sha256sum"
    return run_timed(["sh", "-c", command])[0]


def build_row(
    measurement: str, rounds: int, ccfs: Callable[[], tuple[float, float]], rival: Callable[[], float]
) -> dict[str, Any]:
    """Return a row with the ratio of speeds: the rival's seconds over ours."""
    theirs, own, memory = [], [], 0.0
    for _ in range(rounds):
        theirs.append(rival())
        seconds, memory = ccfs()
        own.append(seconds)
    ratio = servers.compare_pairs(theirs, own)
    return {
        "measurement": measurement,
        "speed ccfs:rival": ratio["median"],
        "min": ratio["min"],
        "max": ratio["max"],
        "peak MB": round(memory),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = create_empty_folder(work / "switch")
        write_switch_files(source, options.lines, options.files)
        Node(load_settings({}, data=work / "warm")).database.close()
        rows = [
            build_row(
                "CDR lines/s : sqlite3 .import",
                options.rounds,
                lambda: measure_ingest(work, source, recordings=False),
                lambda: measure_sqlite_import(work, source),
            ),
            build_row(
                "recordings MB/s : cp + sha256sum",
                options.rounds,
                lambda: measure_ingest(work, source, recordings=True),
                lambda: measure_file_copy(work, source),
            ),
        ]
    servers.report(f"ingest of {options.lines} lines and {options.files} recordings", rows, options.json)


if __name__ == "__main__":
    main()

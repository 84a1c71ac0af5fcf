"""Ingests a million CDR lines and ten thousand recordings: speed, and whether the memory stays constant.

    python -m tests.soak.million_lines FOLDER [LINES [FILES [URL]]]

First a twentieth is ingested, then all, each by a new process whose peak memory is read while it runs. Prints one JSON object. Exits
with 1 if the peak grew by more than MAX_GROWTH_BYTES, or a row or blob is missing. Recordings have a second of audio; three lines
belong to two calls. tests/ingest/test_kill.py runs a short version.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ccfs.db import schema
from tests.cli.command import ROOT
from tests.ingest.ingest_site import IngestSite, iter_cdr_lines, make_wav

SMALL_RUN_DIVISOR, MIN_LINES = 20, 8_000  # of the small run
MAX_GROWTH_BYTES = 24 << 20  # between the two runs, because caches of the database fill


def write_switch_files(site: IngestSite, lines: int, files: int) -> list[str]:
    """Write a CDR file and recordings of its first calls. Return the arguments that name them."""
    cdr = site.write_file("Master.csv", "")
    with open(cdr, "w") as file:
        file.writelines(iter_cdr_lines(lines))
    for number, text in enumerate(iter_cdr_lines(3 * files)):
        if number % 3 == 0:
            call = text.split('","')[16]
            site.write_recording(f"{number // 1000}/{call}.wav", make_wav(number))
    return site.build_command("asterisk", "--cdr", cdr)


def measure_ingest(site: IngestSite, arguments: list[str]) -> dict[str, Any]:
    """Return the added rows, the seconds, and the peak memory in bytes of an ingest."""
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", *arguments]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        **site.environment,
        "CCFS_SETTLE_SECONDS": "0",
    }
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, _read_peak_bytes(process.pid))
            time.sleep(0.02)
        assert process.stdout
        out = process.stdout.read()
    assert process.returncode == 0, out
    return {"seconds": round(time.monotonic() - began, 1), "peak": peak, "added": json.loads(out)}


def _read_peak_bytes(pid: int) -> int:
    """Return VmHWM, which unlike getrusage does not include the process before exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def run(folder: Path, lines: int, files: int, url: str = "") -> dict[str, Any]:
    """Return the results of both runs. With a URL the large run uses that database."""
    small, large = IngestSite(folder / "small").prepare(), IngestSite(folder / "large", url).prepare()
    small_lines = max(MIN_LINES, lines // SMALL_RUN_DIVISOR)
    part = measure_ingest(small, write_switch_files(small, small_lines, files * small_lines // lines))
    full = measure_ingest(large, write_switch_files(large, lines, files))
    blobs = large.check_blobs() if lines <= 100_000 else None
    ingested = len(large.read_rows(schema.recordings, "key")), full["added"]["cdrs"]
    for site in (small, large):
        site.node.database.close()
    return {
        "lines": lines,
        "files": files,
        "seconds": full["seconds"],
        "lines_per_second": round((lines - small_lines) / max(0.1, full["seconds"] - part["seconds"])),
        "peak_mb_of_small_run": part["peak"] >> 20,
        "peak_mb": full["peak"] >> 20,
        "missing": (files, lines) != ingested or (blobs is not None and blobs["whole"] != files),
        "grew": full["peak"] - part["peak"] > MAX_GROWTH_BYTES,
    }


def main() -> None:
    folder, lines, files = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "1000000", "10000"][:2])
    results = run(folder, lines, files, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(results))
    sys.exit(results["missing"] or results["grew"])


if __name__ == "__main__":
    main()

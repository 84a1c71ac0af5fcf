"""A million CDR lines and ten thousand recordings in one ingest: how fast, and whether its memory stays what it was.

    python -m tests.soak.million_lines FOLDER [LINES [FILES [URL]]]

tests/work/ingest/test_kill.py runs a short one. First a twentieth of it is ingested, then all, each by a process of its
own; the peak of what each had in memory is read while it runs. Prints one JSON object; ends with 1 if the peak grew by
more than GROWTH, or anything is not in. Recordings have a second of audio, and three lines are of two calls.
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

SMALL_RUN_DIVISOR, MIN_LINES = 20, 8_000  # the smaller run is this part of the larger, and at least so many lines
MAX_GROWTH_BYTES = 24 << 20  # bytes of memory that the larger may take more: caches of the database fill


def write_switch_files(place: IngestSite, lines: int, files: int) -> list[str]:
    """A CDR file and recordings of its first calls, and the arguments that name them."""
    cdr = place.write_file("Master.csv", "")
    with open(cdr, "w") as file:
        file.writelines(iter_cdr_lines(lines))
    for number, text in enumerate(iter_cdr_lines(3 * files)):
        if number % 3 == 0:
            call = text.split('","')[16]
            place.write_recording(f"{number // 1000}/{call}.wav", make_wav(number))
    return place.build_command("asterisk", "--cdr", cdr)


def measure_ingest(place: IngestSite, arguments: list[str]) -> dict[str, Any]:
    """What an ingest added, in how many seconds, and the peak of its memory in bytes."""
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", *arguments]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        **place.environment,
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
    """VmHWM: unlike what a parent is told of its child, it does not count what the child was before exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def run(folder: Path, lines: int, files: int, url: str = "") -> dict[str, Any]:
    """Both runs' figures. With a URL the larger goes into that database."""
    small, large = IngestSite(folder / "small").prepare(), IngestSite(folder / "large", url).prepare()
    least = max(MIN_LINES, lines // SMALL_RUN_DIVISOR)
    part = measure_ingest(small, write_switch_files(small, least, files * least // lines))
    whole = measure_ingest(large, write_switch_files(large, lines, files))
    found = large.check_blobs() if lines <= 100_000 else None
    in_now = len(large.read_rows(schema.recordings, "key")), whole["added"]["cdrs"]
    for place in (small, large):
        place.node.database.close()
    return {
        "lines": lines,
        "files": files,
        "seconds": whole["seconds"],
        "lines_per_second": round((lines - least) / max(0.1, whole["seconds"] - part["seconds"])),
        "peak_mb_of_part": part["peak"] >> 20,
        "peak_mb": whole["peak"] >> 20,
        "missing": (files, lines) != in_now or (found is not None and found["whole"] != files),
        "grew": whole["peak"] - part["peak"] > MAX_GROWTH_BYTES,
    }


def main() -> None:
    folder, lines, files = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "1000000", "10000"][:2])
    found = run(folder, lines, files, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(found))
    sys.exit(found["missing"] or found["grew"])


if __name__ == "__main__":
    main()

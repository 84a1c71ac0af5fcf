"""Signed downloadRecordFile from a bucket against the S3 service's own answers: ratios of requests/s, and memory.

    scripts/bench s3 [--json] [--seconds N] [--rounds N] [--workers N]

Per file size: wrk, 16 connections kept alive, SeaweedFS by presigned URLs and ccfs in front of it in turn, several rounds;
ccfs checks a signature, looks the recording up and fetches it from the same SeaweedFS at every request. All share the cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is no installed package

import _servers as servers
import downloads

from ccfs.blobs.s3 import S3Config, S3Location
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.protocol.operations import BASE_PATH
from tests.servers import S3_KEYS, run_seaweedfs

BUCKET = "bench"


def build_settings(workers: int) -> dict[str, str]:
    """The environment of ccfs with its home in the bucket."""
    keys = dict(zip(("CCFS_S3_ACCESS_KEY", "CCFS_S3_SECRET_KEY"), S3_KEYS, strict=True))
    return {**keys, "CCFS_PRIMARY_LOCATION": "1", "CCFS_MOVE_GRACE_SECONDS": "0", "CCFS_WORKERS": str(workers)}


def run_location_command(data: Path, *arguments: str) -> None:
    """One `ccfs location` command."""
    line = [str(servers.BIN_FOLDER / "ccfs"), "location", *arguments, "--data", str(data)]
    subprocess.run(line, check=True, env={**os.environ, **build_settings(1)}, stdout=subprocess.DEVNULL)


def presign_url(url: str, number: int) -> str:
    """Where the service itself answers with a file."""
    place = LocationConfig(id="1", kind=LocationKind.S3, root=BUCKET, endpoint=url, created_at=datetime.now(UTC))
    return S3Location(place, S3Config(access_key=S3_KEYS[0], secret_key=S3_KEYS[1])).presign(
        f"1/bench/{number}.wav", 86400
    )


def measure(options: argparse.Namespace, work: Path, url: str) -> list[dict[str, Any]]:
    data, files = work / "data", work / "files"
    data.mkdir()
    files.mkdir()
    names = downloads.prepare_recordings(data, files)
    run_location_command(data, "add", "1", "--kind", "s3", "--bucket", BUCKET, "--endpoint", url)
    began = time.perf_counter()
    run_location_command(data, "move", "--from", "0", "--to", "1")
    print(f"moved in {time.perf_counter() - began:.1f} s, the command's start among them", file=sys.stderr)
    numbers = {name: number for number, name in enumerate(names.values())}
    rows = []
    with servers.run_ccfs(data, build_settings(options.workers)) as (port, pid):
        ours_at = f"http://127.0.0.1:{port}{BASE_PATH}downloadRecordFile"
        for label, name, header in downloads.iter_cases(names):
            lua, theirs_at = downloads.write_wrk_script(work, port, name), presign_url(url, numbers[name])
            ours, theirs = [], []
            for _ in range(options.rounds):
                theirs.append(servers.run_wrk(theirs_at, options.seconds, header=header))
                ours.append(servers.run_wrk(ours_at, options.seconds, script=lua, header=header))
            ratio = servers.compare_pairs([one["requests"] for one in ours], [one["requests"] for one in theirs])
            volume = servers.compare_pairs([one["bytes"] for one in ours], [one["bytes"] for one in theirs])
            rows.append(
                {
                    "file": label,
                    "requests/s ccfs:S3": ratio["median"],
                    "min": ratio["min"],
                    "max": ratio["max"],
                    "bytes/s ccfs:S3": volume["median"],
                    "ccfs requests/s": round(max(one["requests"] for one in ours), 1),
                    "ccfs MB resident": round(servers.measure_rss_mb(pid)),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_seaweedfs() as url:
        rows = measure(options, Path(folder), url)
    servers.report("signed downloads from S3 against the S3 service", rows, options.json)


if __name__ == "__main__":
    main()

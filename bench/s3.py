"""Signed downloadRecordFile from a bucket, compared with the S3 service itself: ratios of requests/s, and memory.

    scripts/bench s3 [--json] [--seconds N] [--rounds N] [--workers N]

Per file size wrk runs against SeaweedFS by presigned URLs and against ccfs in turn, with 16 keep-alive connections, for several
rounds. For every request ccfs verifies a signature, looks up the recording and reads it from SeaweedFS. All share the cores.
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

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is not an installed package

import _servers as servers
import downloads

from ccfs.blobs.s3 import S3Config, S3Location
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.protocol.operations import BASE_PATH
from tests.servers import S3_KEYS, run_seaweedfs

BUCKET = "bench"


def build_settings(workers: int) -> dict[str, str]:
    """Return the environment of ccfs with the bucket as its primary location."""
    keys = dict(zip(("CCFS_S3_ACCESS_KEY", "CCFS_S3_SECRET_KEY"), S3_KEYS, strict=True))
    return {**keys, "CCFS_PRIMARY_LOCATION": "1", "CCFS_MOVE_GRACE_SECONDS": "0", "CCFS_WORKERS": str(workers)}


def run_location_command(data: Path, *arguments: str) -> None:
    """Run one `ccfs location` command."""
    command = [str(servers.BIN_FOLDER / "ccfs"), "location", *arguments, "--data", str(data)]
    subprocess.run(command, check=True, env={**os.environ, **build_settings(1)}, stdout=subprocess.DEVNULL)


def presign_url(url: str, number: int) -> str:
    """Return a presigned URL of a file."""
    config = LocationConfig(id="1", kind=LocationKind.S3, root=BUCKET, endpoint=url, created_at=datetime.now(UTC))
    return S3Location(config, S3Config(access_key=S3_KEYS[0], secret_key=S3_KEYS[1])).presign(
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
    print(
        f"moved the files in {time.perf_counter() - began:.1f} s, including the start of the command", file=sys.stderr
    )
    numbers = {name: number for number, name in enumerate(names.values())}
    rows = []
    with servers.run_ccfs(data, build_settings(options.workers)) as (port, pid):
        our_url = f"http://127.0.0.1:{port}{BASE_PATH}downloadRecordFile"
        for label, name, header in downloads.iter_cases(names):
            lua, their_url = downloads.write_wrk_script(work, port, name), presign_url(url, numbers[name])
            ours, theirs = [], []
            for _ in range(options.rounds):
                theirs.append(servers.run_wrk(their_url, options.seconds, header=header))
                ours.append(servers.run_wrk(our_url, options.seconds, script=lua, header=header))
            ratio = servers.compare_pairs([run["requests"] for run in ours], [run["requests"] for run in theirs])
            volume = servers.compare_pairs([run["bytes"] for run in ours], [run["bytes"] for run in theirs])
            rows.append(
                {
                    "file": label,
                    "requests/s ccfs:S3": ratio["median"],
                    "min": ratio["min"],
                    "max": ratio["max"],
                    "bytes/s ccfs:S3": volume["median"],
                    "ccfs requests/s": round(max(run["requests"] for run in ours), 1),
                    "ccfs RSS MB": round(servers.measure_rss_mb(pid)),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_seaweedfs() as url:
        rows = measure(options, Path(folder), url)
    servers.report("signed downloads from S3, compared with the S3 service", rows, options.json)


if __name__ == "__main__":
    main()

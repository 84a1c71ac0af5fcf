"""Signed downloadRecordFile, compared with nginx serving the same files unsigned: ratios of requests/s, and memory.

    scripts/bench downloads [--json] [--seconds N] [--rounds N] [--workers N]

Per file size wrk runs against nginx and ccfs in turn, with 16 keep-alive connections, for several rounds. ccfs verifies a
signature and looks up the recording for every request. nginx has as many workers as ccfs. Both share the cores with wrk.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _servers as servers

from ccfs.db.system import tenants
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node
from ccfs.settings import load_settings

SIZES = {"50 KB": 50_000, "480 KB": 480_000, "1.4 MB": 1_400_000, "28 MB": 28_000_000}
RANGE_HEADER = "Range: bytes=1000000-1065535"
AK, SK = "BENCH", "bench-secret"
TARGET_RATIOS = {"50 KB": 0.2, "480 KB": 0.6, "1.4 MB": 1.0, "28 MB": 1.0, "64 KB ranges of 28 MB": 0.2}


def prepare_recordings(data: Path, files: Path) -> dict[str, str]:
    """Store one recording of each size in ccfs and in nginx's folder. Return size -> index name."""
    node = Node(load_settings({}, data=data))
    now = datetime.now(UTC)
    names, disk = {}, node.disk
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "bench", AK, now)
        tenants.add_key(connection, app, AK, SK, node.secret_box, now)
        vdn = Vdn(vdn_id=1, cc_id=1, account_id="bench")
        tenants.add_account(connection, app, Account(account_id="bench"), vdn, now)
        for number, (label, size) in enumerate(SIZES.items()):
            content = random.Random(size).randbytes(size)
            (files / f"{number}.wav").write_bytes(content)
            blob = disk.write(f"1/bench/{number}.wav", [content])
            names[label] = f"/0/1/record/{AK}/bench/20240101/101/{number}.wav"
            recordings.add(
                connection,
                app,
                Recording(
                    account_id="bench",
                    cc_id="1",
                    vdn_id="1",
                    call_id=f"1704067200-{number}",
                    call_begin=now,
                    call_end=now,
                    file_name=names[label],
                    original_file_name=f"Y:/1/0/20240101/101/{number}.V3",
                    blob=blob,
                    source_sha256=blob.sha256,
                ),
                now,
            )
    node.database.close()
    return names


def write_wrk_script(work: Path, port: int, name: str) -> Path:
    """Write a wrk script that repeats one signed request."""
    body = json.dumps({"request": {"version": "2.0"}, "msgBody": {"fileName": name}})
    headers = {
        "host": f"127.0.0.1:{port}",
        "content-type": "application/json;charset=UTF-8",
        "content-length": str(len(body)),
    }
    request = signature.SignedRequest(
        method="POST", path=f"{BASE_PATH}downloadRecordFile", headers=headers, body=body.encode()
    )
    authorization = signature.sign_request(request, AK, SK, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    path = work / f"{name.rpartition('/')[2]}.lua"
    path.write_text(
        f'wrk.method = "POST"\nwrk.body = [[{body}]]\n'
        f'wrk.headers["Content-Type"] = "{headers["content-type"]}"\nwrk.headers["Authorization"] = "{authorization}"\n'
    )
    return path


def iter_cases(names: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield label, index name and Range header of each case."""
    for label, name in names.items():
        yield label, name, ""
    yield "64 KB ranges of 28 MB", names["28 MB"], RANGE_HEADER


def measure(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    data, files = work / "data", work / "files"
    data.mkdir()
    files.mkdir()
    work.chmod(0o755)
    names = prepare_recordings(data, files)
    settings = {"CCFS_WORKERS": str(options.workers)}
    rows = []
    with servers.run_nginx(files, work, options.workers) as rival, servers.run_ccfs(data, settings) as (port, pid):
        url = f"http://127.0.0.1:{port}{BASE_PATH}downloadRecordFile"
        for label, name, header in iter_cases(names):
            lua, plain = write_wrk_script(work, port, name), f"http://127.0.0.1:{rival}/{name.rpartition('/')[2]}"
            ours, theirs = [], []
            for _ in range(options.rounds):
                theirs.append(servers.run_wrk(plain, options.seconds, header=header))
                ours.append(servers.run_wrk(url, options.seconds, script=lua, header=header))
            requests = servers.compare_pairs([run["requests"] for run in ours], [run["requests"] for run in theirs])
            volume = servers.compare_pairs([run["bytes"] for run in ours], [run["bytes"] for run in theirs])
            rows.append(
                {
                    "file": label,
                    "requests/s ccfs:nginx": requests["median"],
                    "min": requests["min"],
                    "max": requests["max"],
                    "bytes/s ccfs:nginx": volume["median"],
                    "target": TARGET_RATIOS[label],
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
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options, Path(folder))
    servers.report("signed downloads, compared with nginx", rows, options.json)


if __name__ == "__main__":
    main()

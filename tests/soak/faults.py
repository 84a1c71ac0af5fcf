"""Faults of a site under load: a node, the database, the bucket, a disk and a connection fail and recover while clients send requests.

    python -m tests.soak.faults FOLDER [--seconds N] [--clients N] [--fault NAME] [--quick]

Each fault occurs repeatedly for half of `seconds`. Every complete response is compared with the expected bytes. Accepted uploads, and
accepted exports with their callbacks, must exist afterwards. Prints one JSON object per fault. Exits with 1 if a condition is
violated. tests/soak/test_faults.py runs a long version, tests/nodes/test_faults.py a short one.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.api_client import create_client
from tests.nodes.full_site import SHORT_TIMEOUT_PROGRAM, SHORT_TIMEOUTS, FullSite, run_full_site
from tests.proxies import ProxyMode
from tests.server.ccfs_server import PROGRAM
from tests.soak.load_clients import LoadClients, LoadRequest, LoadTally, is_zip_of, send_and_judge

CYCLE_SECONDS = 40.0  # maximum duration of normal operation, fault, normal operation
DOWNLOAD_THREADS = 8
BOUND_SECONDS = 15.0  # on an idle machine; limits failures after a fault, and times without any success


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a fault begins and ends."""

    begin: Callable[[FullSite], object]
    end: Callable[[FullSite], object]
    is_total: bool = False  # whether no request can succeed during the fault


def _make_s3_fault(mode: ProxyMode) -> Fault:
    def begin(site: FullSite) -> None:
        site.s3_proxy.cut_after, site.s3_proxy.mode_after_cut, site.s3_proxy.mode = 500_000, ProxyMode.CUT, mode

    return Fault(begin=begin, end=lambda site: setattr(site.s3_proxy, "mode", ProxyMode.PASS))


def _move_files(site: FullSite, *, away: bool) -> None:
    files = site.nodes["a"].node.settings.data / "files"
    hidden = files.with_name("files.away")
    os.rename(*((files, hidden) if away else (hidden, files)))


FAULTS = {
    "a node is killed": Fault(begin=lambda site: site.nodes["a"].kill(), end=lambda site: site.nodes.start("a")),
    "PostgreSQL is stopped": Fault(
        begin=lambda site: site.postgres.stop(), end=lambda site: site.postgres.start(), is_total=True
    ),
    "S3 answers 503": _make_s3_fault(ProxyMode.BUSY),
    "S3 hangs": _make_s3_fault(ProxyMode.SILENT),
    "S3 cuts transfers": _make_s3_fault(ProxyMode.CUT),
    "a node's disk is gone": Fault(
        begin=lambda site: _move_files(site, away=True), end=lambda site: _move_files(site, away=False)
    ),
    "a node loses the database": Fault(
        begin=lambda site: setattr(site.database_proxy, "mode", ProxyMode.SILENT),
        end=lambda site: setattr(site.database_proxy, "mode", ProxyMode.PASS),
    ),
}


def measure_fault(site: FullSite, clients: LoadClients, fault: Fault, seconds: float) -> dict[str, Any]:
    """Return the results of a fault that occurs repeatedly for so many seconds."""
    tally, cycles = clients.start_tally(), max(1, round(seconds / CYCLE_SECONDS))
    duration = seconds / cycles / 2
    longest = last_failure = 0.0
    for _ in range(cycles):
        time.sleep(duration / 2)
        began_at = time.monotonic()
        fault.begin(site)
        time.sleep(duration)
        fault.end(site)
        ended_at = time.monotonic()
        time.sleep(duration / 2)
        longest, last_failure = max(longest, ended_at - began_at), max(last_failure, tally.failed_at - ended_at)
    tally.close()
    return {**_summarize(tally), "fault lasted": round(longest, 1), "failures after it": round(last_failure, 1)}


def _summarize(tally: LoadTally) -> dict[str, Any]:
    counts = dict(tally.counts)
    good = counts.pop("good", 0)
    failures = {name: counts.pop(name, 0) for name in ("clean", "truncated", "timed out", "unexpected", "wrong")}
    assert not counts
    return {
        "requests": good + sum(failures.values()),
        "failed": sum(failures.values()),
        **failures,
        "codes": dict(tally.codes),
        "outage": round(tally.outage, 1),
        "slowest": round(tally.slowest, 1),
    }


def count_missing(site: FullSite, tallies: dict[str, LoadTally], timeout: float) -> dict[str, dict[str, int]]:
    """Count what was accepted during each fault and is missing. Wait up to `timeout` for callbacks."""
    deadline = time.monotonic() + timeout
    requested = {response_id for tally in tallies.values() for response_id in tally.exports}
    while not requested <= (announced := _read_announced_files(site)).keys() and time.monotonic() < deadline:
        time.sleep(0.5)
    return {name: _count_missing(site, tally, announced) for name, tally in tallies.items()}


def _read_announced_files(site: FullSite) -> dict[str, str]:
    """Return responseId -> file name of all bill callbacks received so far."""
    bodies = [json.loads(request.body)["msgBody"] for request in list(site.receiver.received)]
    return {body["responseId"]: body["billFileName"] for body in bodies if "billFileName" in body}


def _count_missing(site: FullSite, tally: LoadTally, announced: dict[str, str]) -> dict[str, int]:
    client = create_client(site.nginx, site.tenants.acme)
    names = [announced[response_id] for response_id in tally.exports if response_id in announced]
    deadline = time.monotonic() + 4 * BOUND_SECONDS  # the last fault has just ended

    def is_available(request: LoadRequest) -> bool:
        while (outcome := send_and_judge(client, request)[0]) == "clean" and time.monotonic() < deadline:
            time.sleep(0.2)
        return outcome == "good"

    files = [
        LoadRequest(operation="downloadBillFile", fields={"billFileName": name}, is_valid=is_zip_of) for name in names
    ]
    voice_files = [
        LoadRequest(operation="ivr/downloadFile", fields={"filePath": name}, expected_body=data)
        for name, data in tally.uploads
    ]
    with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        return {
            "exports": len(tally.exports),
            "callbacks lost": len(tally.exports) - len(names),
            "exports lost": sum(not available for available in pool.map(is_available, files)),
            "uploads": len(voice_files),
            "uploads lost": sum(not available for available in pool.map(is_available, voice_files)),
        }


def run(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the results by fault on a new site."""
    settings: dict[str, object] = {"callback_retry_seconds": 5, "log_requests": "false"}
    program = PROGRAM
    if options.quick:
        settings, program = {**settings, **SHORT_TIMEOUTS}, SHORT_TIMEOUT_PROGRAM
    with run_full_site(folder, program, settings) as site:
        return run_on(site, options)


def run_on(site: FullSite, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the results by fault on a running site."""
    results: dict[str, dict[str, Any]] = {}
    tallies: dict[str, LoadTally] = {}
    site.wait_for_binding()
    with _run_clients(site, options.clients) as clients:
        for name in options.fault or FAULTS:
            results[name] = measure_fault(site, clients, FAULTS[name], options.seconds)
            tallies[name] = clients.tally
            print(json.dumps({"fault": name, **results[name]}), flush=True)
    lost = count_missing(site, tallies, 300)
    return {name: {**results[name], **lost[name]} for name in results}


@contextmanager
def _run_clients(site: FullSite, count: int) -> Iterator[LoadClients]:
    clients = LoadClients(site, count)
    clients.start()
    time.sleep(1)
    try:
        yield clients
    finally:
        clients.stop()


def find_violations(results: dict[str, dict[str, Any]], bound: float = BOUND_SECONDS) -> list[str]:
    """Return the violated conditions as texts."""
    must_be_zero = ("wrong", "unexpected", "timed out", "callbacks lost", "exports lost", "uploads lost")
    violations = [
        f"{name}: {result[key]} {key}" for name, result in results.items() for key in must_be_zero if result[key]
    ]
    for name, result in results.items():
        allowed = bound + (result["fault lasted"] if FAULTS[name].is_total else 0)
        if result["outage"] > allowed:
            violations.append(f"{name}: no request succeeded for {result['outage']} s")
        if result["failures after it"] > bound:
            violations.append(f"{name}: failures until {result['failures after it']} s after the fault")
    return violations


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="duration of each fault's test")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    parser.add_argument("--quick", action="store_true", help="use short timeouts and leases")
    parser.add_argument("folder", type=Path)
    return parser.parse_args(arguments)


def main() -> None:
    results = run((options := parse_options(sys.argv[1:])).folder, options)
    print(json.dumps({"faults": results, "violations": (violations := find_violations(results))}))
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()

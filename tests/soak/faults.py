"""What a fault costs: clients ask of a whole site while nodes, the database, the bucket, a disk and a line fail and come back.

    python -m tests.soak.faults FOLDER [--seconds N] [--clients N] [--fault NAME] [--quick]

tests/soak/test_faults.py runs a long one, tests/nodes/test_faults.py a short one. Each fault has `seconds`: calm, fault, calm,
again and again. Right bytes are known: every whole answer is compared. What was answered must be there afterwards: uploads,
and exports with their callbacks. Prints one JSON object for each fault; ends with 1 where anything is not as it must be.
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

CYCLE_SECONDS = 40.0  # at most, of calm, fault, calm
DOWNLOAD_THREADS = 8
BOUND_SECONDS = 15.0  # where the machine is quiet: within which failures end after a fault, and beyond which no fault leaves all without success


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What breaks, and how it is mended."""

    begin: Callable[[FullSite], object]
    end: Callable[[FullSite], object]
    is_total: bool = False  # whether nothing can work while it lasts


def _make_s3_fault(way: ProxyMode) -> Fault:
    def begin(site: FullSite) -> None:
        site.s3_proxy.cut_after, site.s3_proxy.mode_after_cut, site.s3_proxy.mode = 500_000, ProxyMode.CUT, way

    return Fault(begin=begin, end=lambda site: setattr(site.s3_proxy, "mode", ProxyMode.PASS))


def _move_files(site: FullSite, *, away: bool) -> None:
    files = site.nodes["a"].node.settings.data / "files"
    other = files.with_name("files.away")
    os.rename(*((files, other) if away else (other, files)))


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


def measure_fault(site: FullSite, crowd: LoadClients, fault: Fault, seconds: float) -> dict[str, Any]:
    """Figures over a fault that comes and goes for so long."""
    tally, cycles = crowd.start_tally(), max(1, round(seconds / CYCLE_SECONDS))
    lasting = seconds / cycles / 2
    longest = settled = 0.0
    for _ in range(cycles):
        time.sleep(lasting / 2)
        began_at = time.monotonic()
        fault.begin(site)
        time.sleep(lasting)
        fault.end(site)
        ended_at = time.monotonic()
        time.sleep(lasting / 2)
        longest, settled = max(longest, ended_at - began_at), max(settled, tally.failed_at - ended_at)
    tally.close()
    return {**_summarize(tally), "fault lasted": round(longest, 1), "failures after it": round(settled, 1)}


def _summarize(tally: LoadTally) -> dict[str, Any]:
    counts = dict(tally.counts)
    good = counts.pop("good", 0)
    named = {name: counts.pop(name, 0) for name in ("clean", "cut", "hung", "odd", "wrong")}
    assert not counts
    return {
        "requests": good + sum(named.values()),
        "failed": sum(named.values()),
        **named,
        "codes": dict(tally.codes),
        "outage": round(tally.outage, 1),
        "slowest": round(tally.slowest, 1),
    }


def count_missing(site: FullSite, tallies: dict[str, LoadTally], patience: float) -> dict[str, dict[str, int]]:
    """What was promised while each fault lasted, and is not there; waits so long for callbacks."""
    give_up = time.monotonic() + patience
    asked = {one for tally in tallies.values() for one in tally.exports}
    while not asked <= (heard := _read_announced_files(site)).keys() and time.monotonic() < give_up:
        time.sleep(0.5)
    return {name: _count_missing(site, tally, heard) for name, tally in tallies.items()}


def _read_announced_files(site: FullSite) -> dict[str, str]:
    """The file of calls that each callback told of, by responseId; others may ask for other files at the same time."""
    bodies = [json.loads(one.body)["msgBody"] for one in list(site.receiver.received)]
    return {one["responseId"]: one["billFileName"] for one in bodies if "billFileName" in one}


def _count_missing(site: FullSite, tally: LoadTally, heard: dict[str, str]) -> dict[str, int]:
    client = create_client(site.nginx, site.tenants.acme)
    told = [heard[one] for one in tally.exports if one in heard]

    give_up = time.monotonic() + 4 * BOUND_SECONDS  # the last fault has only just ended

    def is_there(deed: LoadRequest) -> bool:
        while (outcome := send_and_judge(client, deed)[0]) == "clean" and time.monotonic() < give_up:
            time.sleep(0.2)
        return outcome == "good"

    files = [
        LoadRequest(operation="downloadBillFile", fields={"billFileName": one}, is_valid=is_zip_of) for one in told
    ]
    voices = [
        LoadRequest(operation="ivr/downloadFile", fields={"filePath": name}, expected_body=data)
        for name, data in tally.uploads
    ]
    with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        return {
            "exports": len(tally.exports),
            "callbacks lost": len(tally.exports) - len(told),
            "exports lost": sum(not found for found in pool.map(is_there, files)),
            "uploads": len(voices),
            "uploads lost": sum(not found for found in pool.map(is_there, voices)),
        }


def run(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures by fault, on a site of its own."""
    given: dict[str, object] = {"callback_retry_seconds": 5, "log_requests": "false"}
    program = PROGRAM
    if options.quick:
        given, program = {**given, **SHORT_TIMEOUTS}, SHORT_TIMEOUT_PROGRAM
    with run_full_site(folder, program, given) as here:
        return run_on(here, options)


def run_on(here: FullSite, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures by fault, on a site that is there."""
    found: dict[str, dict[str, Any]] = {}
    tallies: dict[str, LoadTally] = {}
    here.wait_for_binding()
    with _run_clients(here, options.clients) as crowd:
        for name in options.fault or FAULTS:
            found[name] = measure_fault(here, crowd, FAULTS[name], options.seconds)
            tallies[name] = crowd.tally
            print(json.dumps({"fault": name, **found[name]}), flush=True)
    lost = count_missing(here, tallies, 300)
    return {name: {**found[name], **lost[name]} for name in found}


@contextmanager
def _run_clients(site: FullSite, clients: int) -> Iterator[LoadClients]:
    crowd = LoadClients(site, clients)
    crowd.start()
    time.sleep(1)
    try:
        yield crowd
    finally:
        crowd.stop()


def find_violations(found: dict[str, dict[str, Any]], bound: float = BOUND_SECONDS) -> list[str]:
    """What is not as it must be."""
    zero = ("wrong", "odd", "hung", "callbacks lost", "exports lost", "uploads lost")
    said = [f"{name}: {figures[what]} {what}" for name, figures in found.items() for what in zero if figures[what]]
    for name, figures in found.items():
        allowed = bound + (figures["fault lasted"] if FAULTS[name].is_total else 0)
        if figures["outage"] > allowed:
            said.append(f"{name}: nothing succeeded for {figures['outage']} s")
        if figures["failures after it"] > bound:
            said.append(f"{name}: failures {figures['failures after it']} s after it")
    return said


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """The options of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="for each fault")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    parser.add_argument("--quick", action="store_true", help="with short patience and leases")
    parser.add_argument("folder", type=Path)
    return parser.parse_args(arguments)


def main() -> None:
    found = run((options := parse_options(sys.argv[1:])).folder, options)
    print(json.dumps({"faults": found, "wrong": (said := find_violations(found))}))
    sys.exit(bool(said))


if __name__ == "__main__":
    main()

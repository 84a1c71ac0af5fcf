"""Every fault of tests/soak/faults.py for a few seconds: no wrong bytes, no lost data, quick recovery."""

from pathlib import Path

from tests.nodes.full_site import FullSite
from tests.soak.faults import FAULTS, find_violations, parse_options, run_on

SHORT_RUN = ["--quick", "--seconds", "2", "--clients", "10"]
BUSY_BOUND_SECONDS = 60.0  # the machine may have other work


def test_no_fault_loses_or_falsifies_anything(full_site: FullSite, tmp_path: Path) -> None:
    results = run_on(full_site, parse_options([*SHORT_RUN, str(tmp_path)]))
    print(results)
    assert find_violations(results, BUSY_BOUND_SECONDS) == []
    assert all(figures["requests"] > figures["failed"] for figures in results.values())
    assert results.keys() == FAULTS.keys()
    assert sum(figures["uploads"] for figures in results.values()) > 0
    assert sum(figures["exports"] for figures in results.values()) > 0

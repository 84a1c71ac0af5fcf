"""Many simulated calls of each switch of tests/field/scenarios, ingested by `ccfs ingest` and compared with the truth.

    python -m tests.soak.many_calls FOLDER [--calls N] [--seed N] [--switch NAME] [--wrong N] [--url URL] [--keep]

`--calls` is the number of calls of all switches together. Prints the percentage of right facts of each switch as a table to stderr,
and one JSON object to stdout, with so many wrong facts of each switch as `--wrong` says. Exits with 1 if a fact is wrong that the files
tell, or if the files of a switch do tell what tests/field/scenarios/untold.py says they do not (only with many calls of all switches).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

from tests import databases
from tests.field.scenarios.measure import SwitchResult, add_up, format_table, measure_switch
from tests.field.scenarios.switches import SWITCHES
from tests.field.scenarios.untold import list_claims

_MANY = 10_000  # calls with which each claim is proven


def run(
    folder: Path, calls: int, seed: int, names: Sequence[str], url: str = "", *, keep: bool = False
) -> list[SwitchResult]:
    """Return the results of these switches."""
    results = []
    for switch in (switch for switch in SWITCHES if switch.name in names):
        if url:
            with databases.create_database(url) as own:
                results.append(measure_switch(switch, folder, calls // len(names), seed, own))
        else:
            results.append(measure_switch(switch, folder, calls // len(names), seed))
        print(format_table(results[-1:]), file=sys.stderr, flush=True)
        if not keep:
            rmtree(folder / switch.name)
    return results


def _describe(result: SwitchResult, wrong: int) -> dict[str, Any]:
    return {
        "calls": result.calls,
        "seconds": round(result.seconds),
        "percent": {name: round(value, 3) for name, value in result.compute_percentages().items()},
        "warnings": result.added.get("warnings", [])[:3],
        "wrong": [str(fact) for fact in result.examples[:wrong]],
    }


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare ingested calls with their truth.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--switch", choices=[switch.name for switch in SWITCHES])
    parser.add_argument("--wrong", type=int, default=3)
    parser.add_argument("--url", default="", help="of a PostgreSQL server; default: SQLite")
    parser.add_argument("--keep", action="store_true", help="keep the files of each switch")
    return parser.parse_args()


def main() -> None:
    options = _parse_options()
    names = [options.switch] if options.switch else [switch.name for switch in SWITCHES]
    results = run(options.folder, options.calls, options.seed, names, options.url, keep=options.keep)
    total = add_up(results)
    print(format_table([*results, total]), file=sys.stderr)
    proven = {claim for result in results for claim in result.proven}
    is_complete = options.calls >= _MANY and not options.switch
    refuted = [str(claim) for claim in list_claims() if claim not in proven] if is_complete else []
    described = {result.switch: _describe(result, options.wrong) for result in [*results, total]}
    print(json.dumps(described | {"told_after_all": refuted}))
    sys.exit(bool(total.wrong or refuted))


if __name__ == "__main__":
    main()

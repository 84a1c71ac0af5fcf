"""Writes calls as each switch writes them, ingests the files with `ccfs ingest`, and compares what is stored with the truth.

    python -m tests.field.scenarios.run FOLDER [--calls N] [--seed N] [--switch NAME] [--wrong N]

Prints a line per switch, and the percentage of right facts. `--calls` is the number of calls of all switches together. `--wrong`
prints so many wrong facts of each switch. Exits with 1 if a fact is wrong.
"""

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from tests.field.scenarios.catalogue import draw_scripts
from tests.field.scenarios.compare import FACTS, Fact, compare_call
from tests.field.scenarios.ingested import read_ingested
from tests.field.scenarios.switches import SWITCHES, SimulatedSwitch
from tests.field.scenarios.untold import is_told
from tests.field.scenarios.world import World
from tests.ingest.ingest_site import IngestSite


@dataclass(slots=True, kw_only=True)
class SwitchResult:
    """The comparison of one switch."""

    switch: str
    calls: int
    seconds: float
    added: dict[str, Any]  # as `ccfs ingest --json` prints it
    right: Counter[str] = field(default_factory=Counter)  # by fact
    wrong: Counter[str] = field(default_factory=Counter)
    untold: Counter[str] = field(default_factory=Counter)
    examples: list[Fact] = field(default_factory=list)  # of wrong facts

    def add(self, fact: Fact) -> None:
        """Count a fact."""
        if not is_told(self.switch, fact):
            self.untold[fact.name] += 1
        elif fact.is_right:
            self.right[fact.name] += 1
        else:
            self.wrong[fact.name] += 1
            self.examples.append(fact)


def run_switch(switch: SimulatedSwitch, folder: Path, calls: int, seed: int) -> SwitchResult:
    """Write, ingest and compare about so many calls of a switch."""
    site = IngestSite(folder / switch.name, zone=switch.account_zone).prepare()
    world = World(switch.plan, seed, 2 * calls + 10)
    scripts = draw_scripts(world, calls, switch.scenarios)
    files = switch.writer.write(site.switch_folder, world, scripts)
    began = time.monotonic()
    added = site.run_ingest(files.switch, *files.arguments, CCFS_SETTLE_SECONDS="0").json
    result = SwitchResult(switch=switch.name, calls=len(files.calls), seconds=time.monotonic() - began, added=added)
    ingested = read_ingested(site)
    for known in files.calls:
        for fact in compare_call(known, ingested, world.main_number):
            result.add(fact)
    site.node.database.close()
    return result


def format_table(results: Sequence[SwitchResult]) -> str:
    """Return the percentage of right facts, a line for each switch, and one for all."""
    lines = [f"{'':28}{'calls':>8}" + "".join(f"{name:>11}" for name in FACTS)]
    total: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        lines.append(_format_line(result.switch, result.calls, result.right, result.wrong))
        total["right"].update(result.right)
        total["wrong"].update(result.wrong)
    lines.append(_format_line("all", sum(result.calls for result in results), total["right"], total["wrong"]))
    return "\n".join(lines)


def _format_line(name: str, calls: int, right: Counter[str], wrong: Counter[str]) -> str:
    cells = []
    for fact in FACTS:
        count = right[fact] + wrong[fact]
        cells.append(f"{100 * right[fact] / count:11.3f}" if count else f"{'–':>11}")
    return f"{name:28}{calls:8}" + "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ingested calls with their truth.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--switch")
    parser.add_argument("--wrong", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep the files of each switch")
    options = parser.parse_args()
    switches = [switch for switch in SWITCHES if options.switch in (None, switch.name)]
    results = []
    for switch in switches:
        result = run_switch(switch, options.folder, options.calls // len(switches), options.seed)
        results.append(result)
        added = {name: value for name, value in result.added.items() if isinstance(value, int)}
        print(json.dumps({"switch": switch.name, "seconds": round(result.seconds, 1), **added}), flush=True)
        for warning in result.added["warnings"][:5]:
            print("  warning:", warning)
        for fact in result.examples[: options.wrong]:
            print("  wrong:", fact)
        print("  ", Counter((fact.name, fact.scenario) for fact in result.examples).most_common(40))
        if not options.keep:
            rmtree(options.folder / switch.name)
    print(format_table(results))
    sys.exit(any(result.wrong for result in results))


if __name__ == "__main__":
    main()

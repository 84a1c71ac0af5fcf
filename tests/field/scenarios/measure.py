"""Writing calls as a switch writes them, ingesting the files with `ccfs ingest`, and comparing what is stored with the truth."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.field.scenarios.catalogue import draw_scripts
from tests.field.scenarios.compare import FACTS, Fact, compare_call
from tests.field.scenarios.ingested import read_ingested
from tests.field.scenarios.switches import SimulatedSwitch
from tests.field.scenarios.untold import Claim, find_claims
from tests.field.scenarios.world import World
from tests.field.scenarios.written import WrittenFiles
from tests.ingest.ingest_site import IngestSite


@dataclass(slots=True, kw_only=True)
class SwitchResult:
    """The comparison of one switch, or of all."""

    switch: str
    calls: int = 0
    seconds: float = 0.0  # of ingest
    added: dict[str, Any] = field(default_factory=dict)  # as `ccfs ingest --json` prints it
    right: Counter[str] = field(default_factory=Counter)  # by fact
    wrong: Counter[str] = field(default_factory=Counter)
    untold: int = 0  # facts that the files do not tell
    proven: set[Claim] = field(default_factory=set)  # of what they do not tell: with such a fact that is wrong
    examples: list[Fact] = field(default_factory=list)  # all wrong facts that the files tell

    def add(self, fact: Fact) -> None:
        """Count a fact."""
        claims = find_claims(self.switch, fact)
        if claims:
            self.untold += 1
            self.proven.update(() if fact.is_right else claims)
        elif fact.is_right:
            self.right[fact.name] += 1
        else:
            self.wrong[fact.name] += 1
            self.examples.append(fact)

    def compute_percentages(self) -> dict[str, float]:
        """Return how many of the facts that the files tell are right, by name; and "told": how many they tell."""
        counts = {name: self.right[name] + self.wrong[name] for name in FACTS}
        percentages = {name: 100 * self.right[name] / count for name, count in counts.items() if count}
        told = sum(counts.values())
        return percentages | {"told": 100 * told / max(1, told + self.untold)}


def prepare_site(switch: SimulatedSwitch, folder: Path, url: str = "") -> IngestSite:
    """Return the site of a switch in a folder of its own."""
    return IngestSite(folder / switch.name, url=url, zone=switch.account_zone).prepare()


def write_calls(switch: SimulatedSwitch, folder: Path, calls: int, seed: int) -> tuple[World, WrittenFiles]:
    """Write about so many calls of a switch."""
    world = World(switch.plan, seed, 2 * calls + 10)
    scripts = draw_scripts(world, calls, switch.scenarios)
    return world, switch.writer.write(folder, world, scripts)


def measure_switch(switch: SimulatedSwitch, folder: Path, calls: int, seed: int, url: str = "") -> SwitchResult:
    """Write, ingest and compare about so many calls of a switch."""
    site = prepare_site(switch, folder, url)
    world, files = write_calls(switch, site.switch_folder, calls, seed)
    began = time.monotonic()
    added = site.run_ingest(files.switch, *files.arguments, CCFS_SETTLE_SECONDS="0").json
    seconds = time.monotonic() - began
    result = SwitchResult(switch=switch.name, calls=len(files.calls), seconds=seconds, added=added)
    ingested = read_ingested(site)
    for known in files.calls:
        for fact in compare_call(known, ingested, world.main_number):
            result.add(fact)
    site.node.database.close()
    return result


def add_up(results: Iterable[SwitchResult]) -> SwitchResult:
    """Return the sum of the results."""
    total = SwitchResult(switch="all")
    for result in results:
        total.calls += result.calls
        total.seconds += result.seconds
        total.right.update(result.right)
        total.wrong.update(result.wrong)
        total.untold += result.untold
    return total


def format_table(results: Sequence[SwitchResult]) -> str:
    """Return the percentages as a table with a line for each switch."""
    columns = (*FACTS, "told")
    lines = [f"{'':26}{'calls':>7}" + "".join(f"{name:>10}" for name in columns)]
    for result in results:
        percentages = result.compute_percentages()
        cells = (f"{percentages[name]:10.3f}" if name in percentages else f"{'–':>10}" for name in columns)
        lines.append(f"{result.switch:26}{result.calls:7}" + "".join(cells))
    return "\n".join(lines)

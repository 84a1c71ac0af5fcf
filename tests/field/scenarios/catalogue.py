"""All scenarios by name."""

from collections.abc import Callable
from types import ModuleType

from tests.field.scenarios import inbound, moved, outgoing
from tests.field.scenarios.events import CallScript
from tests.field.scenarios.world import World

Scenario = Callable[[World, str], list[CallScript]]
_PREFIX = "simulate_"


def _collect(module: ModuleType) -> dict[str, Scenario]:
    """Return the scenarios that a module defines itself."""
    return {
        name.removeprefix(_PREFIX): function
        for name, function in vars(module).items()
        if name.startswith(_PREFIX) and function.__module__ == module.__name__
    }


SCENARIOS: dict[str, Scenario] = _collect(inbound) | _collect(moved) | _collect(outgoing)


def draw_scripts(world: World, calls: int, names: frozenset[str]) -> list[CallScript]:
    """Return about so many calls; each of the named scenarios occurs, in random order."""
    ordered = sorted(names)
    drawn = [ordered[number % len(ordered)] for number in range(calls)]
    world.random.shuffle(drawn)
    return [script for name in drawn for script in SCENARIOS[name](world, name)]

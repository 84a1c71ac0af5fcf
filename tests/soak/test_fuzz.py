"""No input out of a million breaks a parser."""

import pytest

from tests.soak.fuzz import fuzz
from tests.soak.fuzz_targets import TARGETS, FuzzTarget

RUNS = 1_000_000


@pytest.mark.filterwarnings("default")  # cryptography warns about certificates that it takes all the same
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_mutation_breaks_a_parser(target: FuzzTarget) -> None:
    assert fuzz(target, RUNS, seed=1).faults == []

"""Examples, inputs that did harm once, and some mutations break no parser. scripts/soak runs a million of each."""

import pytest

from tests.soak import fuzz_found
from tests.soak.fuzz import fuzz
from tests.soak.fuzz_targets import TARGETS, FuzzTarget

RUNS = 200


@pytest.mark.filterwarnings("default")  # cryptography warns about certificates that it takes all the same
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_raises_what_it_documents(target: FuzzTarget) -> None:
    result = fuzz(target, RUNS, seed=2)
    assert result.faults == []
    assert result.runs == RUNS


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_takes_one_of_its_examples(target: FuzzTarget) -> None:
    """Mutations of what the first check refuses would prove nothing of the rest."""
    assert any(_is_taken(target, seed) for seed in target.seeds)


def _is_taken(target: FuzzTarget, data: bytes) -> bool:
    try:
        target.parse(data)
    except target.allowed:
        return False
    return True


def test_every_found_input_is_of_a_parser() -> None:
    assert fuzz_found.FOUND.keys() <= {target.name for target in TARGETS}

"""Attacks in short versions: none harms the service or an honest client. scripts/soak runs the long ones."""

from collections.abc import Iterator

import pytest

from tests.soak.attacks.known_rows import ATTACKS as KNOWN_ATTACKS
from tests.soak.attacks.site import Attack, AttackSite, measure_attack, run_attack_site
from tests.soak.hostile_table import NEW_ATTACKS, find_harm


@pytest.fixture(scope="module")
def attack_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackSite]:
    """A server."""
    with run_attack_site(tmp_path_factory.mktemp("attacks"), is_quick=True) as site:
        yield site


SHORT_ATTACKS = [attack for attack in (*KNOWN_ATTACKS, *NEW_ATTACKS) if attack.is_short]


@pytest.mark.parametrize("attack", SHORT_ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_does_no_harm(attack_site: AttackSite, attack: Attack) -> None:
    assert find_harm(measure_attack(attack_site, attack)) == ""


def test_new_attacks_are_of_many_kinds() -> None:
    assert len({attack.name for attack in NEW_ATTACKS}) >= 30

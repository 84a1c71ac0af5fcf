"""No attack harms the service or its honest clients."""

from collections.abc import Iterator

import pytest

from tests.soak.attacks.known_rows import ATTACKS as KNOWN_ATTACKS
from tests.soak.attacks.site import Attack, AttackSite, measure_attack, run_attack_site
from tests.soak.hostile_table import NEW_ATTACKS, find_harm


@pytest.fixture(scope="module")
def attack_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackSite]:
    with run_attack_site(tmp_path_factory.mktemp("attacks")) as site:
        yield site


@pytest.mark.parametrize("attack", [*KNOWN_ATTACKS, *NEW_ATTACKS], ids=lambda attack: attack.name)
def test_an_attack_does_no_harm(attack_site: AttackSite, attack: Attack) -> None:
    assert find_harm(measure_attack(attack_site, attack)) == ""

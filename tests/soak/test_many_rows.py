"""The long run of many_rows.py; scripts/soak runs it, scripts/test does not."""

from tests.soak.many_rows import run


def test_a_day_costs_the_same_out_of_ten_million_rows(postgres_url: str) -> None:
    found = run(10_000_000, postgres_url)
    print(found)
    assert found["is_good"], found

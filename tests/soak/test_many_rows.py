"""The run of many_rows.py."""

from tests.soak.many_rows import run


def test_an_export_of_a_day_takes_the_same_time_from_ten_million_rows(postgres_url: str) -> None:
    results = run(10_000_000, postgres_url)
    print(results)
    assert results["is_good"], results

"""The long run of many_queries.py; tests/db/test_query_plans.py has a short one."""

from tests.soak.many_queries import run_both_engines


def test_no_query_scans_a_million_rows(postgres_url: str) -> None:
    for results in run_both_engines(1_000_000, postgres_url):
        print(results)
        assert not results["scans"]

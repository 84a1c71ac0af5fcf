"""The long run of many_questions.py; scripts/soak runs it, scripts/test does not."""

from tests.soak.many_queries import run_both_engines


def test_no_question_reads_a_million_rows(postgres_url: str) -> None:
    for found in run_both_engines(1_000_000, postgres_url):
        print(found)
        assert not found["scans"]

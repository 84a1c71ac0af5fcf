"""Days in the text of the search field."""

from datetime import date

import pytest

from ccfs.console.calls.search_dates import extract_day, extract_period

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "day", "rest"),
    [
        ("today", date(2026, 11, 28), ""),
        ("Yesterday 0006", date(2026, 11, 27), "0006"),
        ("昨天 王芳", date(2026, 11, 27), "王芳"),
        ("26 Nov", date(2026, 11, 26), ""),
        ("26 November 2024", date(2024, 11, 26), ""),
        ("Dec 24", date(2025, 12, 24), ""),
        ("2026-11-26", date(2026, 11, 26), ""),
        ("26.11. sales", date(2026, 11, 26), "sales"),
        ("26.11.2025", date(2025, 11, 26), ""),
        ("11月26日", date(2026, 11, 26), ""),
        ("29 Feb", date(2024, 2, 29), ""),
        ("31.02.", None, "31.02."),
        ("0117-496-0006", None, "0117-496-0006"),
        ("1795777899.28", None, "1795777899.28"),
        ("+44 20 7946 0009", None, "+44 20 7946 0009"),
        ("Mayer", None, "Mayer"),
    ],
)
def test_a_day_is_taken_from_the_text(text: str, day: date | None, rest: str) -> None:
    assert extract_day(text, TODAY) == (day, rest)


@pytest.mark.parametrize(
    ("text", "first", "last", "rest"),
    [
        ("sales last 7 days", date(2026, 11, 22), TODAY, "sales"),
        ("sales 7 days", date(2026, 11, 22), TODAY, "sales"),
        ("Last 1 days", TODAY, TODAY, ""),
        ("this week 1003", date(2026, 11, 23), TODAY, "1003"),
        ("sales last week", date(2026, 11, 16), date(2026, 11, 22), "sales"),
        ("上周 王芳", date(2026, 11, 16), date(2026, 11, 22), "王芳"),
        ("本周", date(2026, 11, 23), TODAY, ""),
        ("最近30天 销售", date(2026, 10, 30), TODAY, "销售"),
        ("yesterday 0006", date(2026, 11, 27), date(2026, 11, 27), "0006"),
    ],
)
def test_a_period_is_taken_from_the_text(text: str, first: date, last: date, rest: str) -> None:
    assert extract_period(text, TODAY) == (first, last, rest)


@pytest.mark.parametrize("text", ["last 0 days", "last 367 days", "weekly", "7 daysales", "last", "0117-496-0006"])
def test_other_text_names_no_period(text: str) -> None:
    assert extract_period(text, TODAY) is None

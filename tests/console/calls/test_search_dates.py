"""Days in the text of the search field."""

from datetime import date

import pytest

from ccfs.console.calls.search_dates import extract_day, extract_last_days, extract_named_period

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
        ("26/11/2026", date(2026, 11, 26), ""),
        ("26/11/25 0006", date(2025, 11, 26), "0006"),
        ("26/11", date(2026, 11, 26), ""),
        ("11/26/2026", date(2026, 11, 26), ""),  # no month has the number 26
        ("26-11-2026", date(2026, 11, 26), ""),
        ("26-11", None, "26-11"),
        ("020/7946", None, "020/7946"),
        ("1/2/3/4", None, "1/2/3/4"),
        ("friday", date(2026, 11, 27), ""),
        ("Saturday sales", date(2026, 11, 28), "sales"),
        ("last saturday", date(2026, 11, 21), ""),
        ("Sundays", None, "Sundays"),
        ("周五", date(2026, 11, 27), ""),
        ("上周五", date(2026, 11, 20), ""),
        ("星期天 王芳", date(2026, 11, 22), "王芳"),
    ],
)
def test_a_day_is_taken_from_the_text(text: str, day: date | None, rest: str) -> None:
    assert extract_day(text, TODAY) == (day, rest)


@pytest.mark.parametrize(
    ("text", "period", "rest"),
    [
        ("Today", "today", ""),
        ("yesterday 0006", "yesterday", "0006"),
        ("sales this week", "week", "sales"),
        ("last week", "last_week", ""),
        ("上周 王芳", "last_week", "王芳"),
        ("上周五", "", "上周五"),
        ("Weeks", "", "Weeks"),
    ],
)
def test_a_period_is_taken_from_the_text_by_its_name(text: str, period: str, rest: str) -> None:
    assert extract_named_period(text) == (period, rest)


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("sales last 7 days", date(2026, 11, 22), "sales"),
        ("sales 7 days", date(2026, 11, 22), "sales"),
        ("Last 1 days", TODAY, ""),
        ("最近30天 销售", date(2026, 10, 30), "销售"),
    ],
)
def test_last_days_are_taken_from_the_text(text: str, first: date, rest: str) -> None:
    assert extract_last_days(text, TODAY) == (first, rest)


@pytest.mark.parametrize("text", ["last 0 days", "last 367 days", "weekly", "7 daysales", "last", "0117-496-0006"])
def test_other_text_names_no_period(text: str) -> None:
    assert extract_last_days(text, TODAY) == (None, text)
    assert extract_named_period(text) == ("", text)

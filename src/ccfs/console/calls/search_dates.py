"""Days and weeks as people type them into the search field: yesterday, last week, 26 Nov, 2026-11-26, 11月26日. Pure."""

import re
from datetime import date, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_NAMED_DAYS: Final = {"today": 0, "yesterday": 1, "今天": 0, "昨天": 1, "前天": 2}  # days before today
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_YEAR: Final = r"(?P<year>\d{4})"
_BEFORE, _AFTER = r"(?<![\w+.-])", r"(?![\w-])"
_FLAGS: Final = re.IGNORECASE | re.ASCII
_ISO_DAY: Final = re.compile(_BEFORE + r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})" + _AFTER, _FLAGS)
_DOTTED_DAY: Final = re.compile(_BEFORE + r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?:" + _YEAR + ")?" + _AFTER, _FLAGS)
_DAY_MONTH: Final = re.compile(_BEFORE + r"(?P<day>\d{1,2}) ?" + _MONTH + "(?:,? " + _YEAR + ")?" + _AFTER, _FLAGS)
_MONTH_DAY: Final = re.compile(_BEFORE + _MONTH + r" (?P<day>\d{1,2})(?:,? " + _YEAR + ")?" + _AFTER, _FLAGS)
_CHINESE: Final = re.compile(r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]", re.ASCII)
_NAMED: Final = re.compile(r"\b(?:today|yesterday)\b|今天|昨天|前天", re.IGNORECASE)
_WEEK: Final = re.compile(r"\b(?P<which>this|last) week\b|(?P<chinese>本周|上周)", _FLAGS)
_LAST_DAYS: Final = re.compile(r"\b(?:last )?(?P<days>\d{1,3}) days\b|(?:最近|近)(?P<chinese>\d{1,3})天", _FLAGS)
_MAX_DAYS: Final = 366
MAX_LENGTH: Final = 200  # of a text in which a day is looked for


def extract_period(text: str, today: date) -> tuple[date, date, str] | None:
    """Return the first and the last day that a text names, and the text without them; None if it names none.

    `last 7 days` end with today, and `last week` is the one before this week's Monday.
    """
    text = text[:MAX_LENGTH]
    if match := _WEEK.search(text):
        monday = today - today.weekday() * _DAY
        if (match["which"] or "").lower() == "this" or match["chinese"] == "本周":
            return monday, today, _cut(text, match)
        return monday - 7 * _DAY, monday - _DAY, _cut(text, match)
    match = _LAST_DAYS.search(text)
    days = int(match["days"] or match["chinese"]) if match else 0
    if match and 0 < days <= _MAX_DAYS:
        return today - (days - 1) * _DAY, today, _cut(text, match)
    day, rest = extract_day(text, today)
    return None if day is None else (day, day, rest)


def extract_day(text: str, today: date) -> tuple[date | None, str]:
    """Return the first day in a text, and the text without it. Without a year, the day is the latest that is not to come."""
    text = text[:MAX_LENGTH]
    if match := _NAMED.search(text):
        return today - _NAMED_DAYS[match[0].lower()] * _DAY, _cut(text, match)
    for form in (_ISO_DAY, _DOTTED_DAY, _DAY_MONTH, _MONTH_DAY, _CHINESE):
        match = form.search(text)
        day = _build_day(match, today) if match else None
        if match and day:
            return day, _cut(text, match)
    return None, text


def _build_day(match: re.Match[str], today: date) -> date | None:
    """Return the day of a match; None if no calendar has it."""
    parts = match.groupdict()
    month = int(parts["month"]) if parts.get("month") else _MONTHS.index(parts["name"].lower()) + 1
    for year in [int(parts["year"])] if parts.get("year") else range(today.year, today.year - 9, -1):
        try:
            day = date(year, month, int(parts["day"]))
        except ValueError:
            continue  # of a month with fewer days, or 29 February
        if parts.get("year") or day <= today:
            return day
    return None


def _cut(text: str, match: re.Match[str]) -> str:
    return " ".join((text[: match.start()] + " " + text[match.end() :]).split())

"""Days and periods as people type them into the search field: today, this week, Friday, 26 Nov, 26.11., 26/11/2026, 11月26日. Pure."""

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
_SLASHED_DAY: Final = re.compile(
    r"(?<![\w+./-])(?P<day>\d{1,2})/(?P<month>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?(?![\w/-])", _FLAGS
)
_DASHED_DAY: Final = re.compile(_BEFORE + r"(?P<day>\d{1,2})-(?P<month>\d{1,2})-" + _YEAR + _AFTER, _FLAGS)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY: Final = re.compile(
    rf"\b(?:(?P<last>last) )?(?P<name>{'|'.join(_WEEKDAYS)})\b|(?P<week>上)?(?:周|星期)(?P<number>[一二三四五六日天])",
    re.IGNORECASE,
)
_CHINESE_WEEKDAYS: Final = "一二三四五六日"
_PERIODS: Final = {
    "today": "today",
    "yesterday": "yesterday",
    "this week": "week",
    "last week": "last_week",
    "今天": "today",
    "昨天": "yesterday",
    "本周": "week",
    "这周": "week",
    "上周": "last_week",
}
_PERIOD: Final = re.compile(
    r"\b(?:today|yesterday|this week|last week)\b|今天|昨天|(?:本周|这周|上周)(?![一二三四五六日天])", re.IGNORECASE
)
_NAMED: Final = re.compile(r"\b(?:today|yesterday)\b|今天|昨天|前天", re.IGNORECASE)
_LAST_DAYS: Final = re.compile(r"\b(?:last )?(?P<days>\d{1,3}) days\b|(?:最近|近)(?P<chinese>\d{1,3})天", _FLAGS)
_MAX_DAYS: Final = 366
MAX_LENGTH: Final = 200  # of a text in which a day is looked for


def extract_named_period(text: str) -> tuple[str, str]:
    """Return the period that a text names, such as "today" or "week", and the text without it; "" if it names none."""
    match = _PERIOD.search(text[:MAX_LENGTH])
    return (_PERIODS[match[0].lower()], _cut(text[:MAX_LENGTH], match)) if match else ("", text)


def extract_last_days(text: str, today: date) -> tuple[date | None, str]:
    """Return the first of the days up to today that a text names, such as "last 7 days", and the text without them."""
    match = _LAST_DAYS.search(text[:MAX_LENGTH])
    days = int(match["days"] or match["chinese"]) if match else 0
    if match and 0 < days <= _MAX_DAYS:
        return today - (days - 1) * _DAY, _cut(text[:MAX_LENGTH], match)
    return None, text


def extract_day(text: str, today: date) -> tuple[date | None, str]:
    """Return the first day in a text, and the text without it.

    Without a year, the day is the latest that is not to come. In figures, the day is before the month, unless no month has
    its number.
    """
    text = text[:MAX_LENGTH]
    if match := _NAMED.search(text):
        return today - _NAMED_DAYS[match[0].lower()] * _DAY, _cut(text, match)
    for form in (_ISO_DAY, _DASHED_DAY, _SLASHED_DAY, _DOTTED_DAY, _DAY_MONTH, _MONTH_DAY, _CHINESE):
        match = form.search(text)
        day = _build_day(match, today) if match else None
        if match and day:
            return day, _cut(text, match)
    if match := _WEEKDAY.search(text):
        return _find_weekday(match, today), _cut(text, match)
    return None, text


def _find_weekday(match: re.Match[str], today: date) -> date:
    """Return the latest such day, today included; "last Friday" is before today, 上周五 in the week before this one."""
    weekday = (
        _CHINESE_WEEKDAYS.index(match["number"].replace("天", "日"))
        if match["number"]
        else _WEEKDAYS.index(match["name"].lower())
    )
    if match["week"]:
        return today - (today.weekday() + 7 - weekday) * _DAY
    return today - ((today.weekday() - weekday) % 7 or 7 * bool(match["last"])) * _DAY


def _build_day(match: re.Match[str], today: date) -> date | None:
    """Return the day of a match; None if no calendar has it."""
    parts = match.groupdict()
    month = int(parts["month"]) if parts.get("month") else _MONTHS.index(parts["name"].lower()) + 1
    number, given_year = int(parts["day"]), int(parts.get("year") or 0)
    if month > 12 >= number and match.re in (_SLASHED_DAY, _DASHED_DAY):
        number, month = month, number
    if 0 < given_year < 100:
        given_year += 2000
    for year in [given_year] if parts.get("year") else range(today.year, today.year - 9, -1):
        try:
            day = date(year, month, number)
        except ValueError:
            continue  # of a month with fewer days, or 29 February
        if parts.get("year") or day <= today:
            return day
    return None


def _cut(text: str, match: re.Match[str]) -> str:
    return " ".join((text[: match.start()] + " " + text[match.end() :]).split())

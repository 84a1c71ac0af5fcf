"""A report as CSV or HTML: the account, its queues, and its agents if the report is of all queues. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from html import escape
from typing import Final

from ccfs.model.calls.reports.figures import Figures, FigureTables
from ccfs.model.calls.reports.figures_csv import HEADING_TEXTS, build_header, build_row
from ccfs.model.calls.reports.report import ReportFormat, ReportSchedule
from ccfs.model.formats import safe_csv
from ccfs.model.formats.durations import format_duration

# Texts that a report shows; the console stores them in the language of the report's user.
REPORT_TEXTS: Final = (
    *("Statistics", "Queues", "Agents", "Queue", "Agent", "Account", "Offered", "Answered", "Abandoned"),
    *("Answer rate", "Service level", "Average wait", "90th percentile wait", "Average talk time"),
    *("Average handling time", "Occupancy", "to"),
    *HEADING_TEXTS.values(),
)
_COLUMNS: Final = (
    *("Offered", "Answered", "Abandoned", "Answer rate", "Service level", "Average wait", "90th percentile wait"),
    *("Average talk time", "Average handling time", "Occupancy"),
)
_STYLE: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;color:#1a2226}table{border-collapse:collapse;margin:0 0 1.5em}"
    "th,td{border-bottom:1px solid #dde3e5;padding:.3em .8em;text-align:right}th:first-child{text-align:left}"
)


def select_tables(tables: FigureTables, queues: Iterable[str]) -> FigureTables:
    """Return what a report of these queues shows; of all queues for none."""
    chosen = set(queues)
    if not chosen:
        return tables
    return FigureTables(account=tables.account, queues=[row for row in tables.queues if row.name in chosen], agents=[])


def build_report(schedule: ReportSchedule, tables: FigureTables, days: tuple[date, date], target: int) -> bytes:
    """Return the report's bytes, in its format."""
    shown = select_tables(tables, schedule.queues)
    if schedule.format is ReportFormat.CSV:
        return _build_csv(schedule, shown, target)
    return _build_html(schedule, shown, days, target)


def get_file_name(schedule: ReportSchedule, days: tuple[date, date]) -> str:
    """Return the name of a report's file, which is the same each time that the report is made."""
    first, last = days
    account = "".join(
        character if character.isalnum() or character in "-_" else "_" for character in schedule.account_id
    )
    return f"statistics-{account}-{first}_{last}-{schedule.id[:8]}.{schedule.format}"


def _build_csv(schedule: ReportSchedule, tables: FigureTables, target: int) -> bytes:
    kinds = (("total", [tables.account]), ("queue", tables.queues), ("agent", tables.agents))
    rows = [build_row(kind, row, target) for kind, some in kinds for row in some]
    header = build_header(lambda text: schedule.texts.get(text, text))
    return safe_csv.BOM + safe_csv.encode_rows([header, *rows])


def _build_html(schedule: ReportSchedule, tables: FigureTables, days: tuple[date, date], target: int) -> bytes:
    texts = schedule.texts
    period = f"{days[0]} {_translate(texts, 'to')} {days[1]}" if days[0] != days[1] else f"{days[0]}"
    title = f"{_translate(texts, 'Statistics')} · {schedule.account_id} · {period}"
    body = [f"<h1>{escape(title)}</h1>", _build_table(texts, "Account", [tables.account], target, schedule.account_id)]
    for heading, name, rows in (("Queues", "Queue", tables.queues), ("Agents", "Agent", tables.agents)):
        if rows:
            body += [f"<h2>{escape(_translate(texts, heading))}</h2>", _build_table(texts, name, rows, target)]
    page = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
    )
    return f"{page}<body>{''.join(body)}</body></html>\n".encode("utf-8", "replace")


def _build_table(texts: Mapping[str, str], name: str, rows: Iterable[Figures], target: int, default: str = "") -> str:
    headers = [_translate(texts, name), *(_translate(texts, column) for column in _COLUMNS)]
    headers[5] += f" ({target} s)"
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    lines = "".join(
        f'<tr><th scope="row">{escape(row.name or default)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in _format_cells(row, target))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _format_cells(row: Figures, target: int) -> list[str]:
    calls = row.calls
    return [
        *(f"{number:,}" for number in (row.offered, calls.answered, calls.abandoned)),
        _format_share(row.answer_rate),
        _format_share(row.get_service_level(target)),
        *map(_format_seconds, (calls.average_wait, calls.wait_percentile(0.9), row.average_talk, row.average_handling)),
        _format_share(row.times.occupancy),
    ]


def _translate(texts: Mapping[str, str], text: str) -> str:
    return texts.get(text, text)


def _format_share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _format_seconds(seconds: int | None) -> str:
    return "–" if seconds is None else format_duration(seconds)

"""Calls that should have a recording and have none: it is still awaited, or missing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.account_page import show_account_page
from ccfs.console.calls.search_form import PERIOD_LABELS
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics.periods import StatisticsPeriod, parse_period
from ccfs.db.tenant.ingest import expected_recordings
from ccfs.db.tenant.ingest.expected_recordings import ExpectedPage, ExpectedRecording
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

PAGE_ROWS: Final = 100
MAX_SKIP: Final = 100_000  # rows of one instant
STATES: Final = {"missing": True, "awaited": False}
MAX_MICROSECONDS: Final = 2**57  # since 1970: in the year 6537
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Rows = list[tuple[ExpectedRecording, datetime | None]]


async def show_missing_recordings(request: ConsoleRequest) -> Response:
    """Show an account's expected recordings of a period that have not arrived, the latest call first."""
    parameters = request.query_params
    state = parameters.get("state", "missing")

    async def load(scope: AccountScope) -> tuple[StatisticsPeriod, Rows]:
        period = parse_period(parameters, scope.zone, request.context.now())
        page = _parse_page(parameters.get("before", ""), state)
        return period, await request.context.query(partial(_list_rows, scope=scope, period=period, page=page))

    def build_values(scope: AccountScope, loaded: tuple[StatisticsPeriod, Rows] | None) -> dict[str, Any]:
        typed = {name: parameters.get(name, "") for name in ("period", "from", "to")}
        fields, rows = (dict(loaded[0].fields), loaded[1]) if loaded else (typed, [])
        following = fields | {"account": scope.name, "state": state, "before": _format_next_page(rows, parameters)}
        return {
            "fields": fields,
            "state": state,
            "rows": rows,
            "period_labels": PERIOD_LABELS,
            "next_page_url": f"/console/missing-recordings?{urlencode(following)}" if len(rows) == PAGE_ROWS else "",
            "wait": timedelta(seconds=request.context.settings.recording_wait_seconds),
        }

    return await show_account_page(request, Permission.SEARCH, "missing_recordings.html", load, build_values)


def _list_rows(connection: Connection, scope: AccountScope, period: StatisticsPeriod, page: ExpectedPage) -> Rows:
    account_id = scope.account.account_id
    return expected_recordings.list_of_account(connection, scope.app, account_id, period.window, page)


def _parse_page(before: str, state: str) -> ExpectedPage:
    """Return the page after a cursor: the instant of its last row in microseconds, and how many rows of it were shown."""
    microseconds, _, skip = before.partition(".")
    instant, shown = parse_number(microseconds, MAX_MICROSECONDS), parse_number(skip, MAX_SKIP)
    if instant is None or shown is None:
        return ExpectedPage(is_missing=STATES.get(state), limit=PAGE_ROWS)
    until = _EPOCH + (instant + 1) * _MICROSECOND
    return ExpectedPage(is_missing=STATES.get(state), until=until, skip=shown, limit=PAGE_ROWS)


def _format_next_page(rows: Rows, parameters: Mapping[str, str]) -> str:
    if not rows:
        return ""
    last = rows[-1][0].since
    instant = (last - _EPOCH) // _MICROSECOND
    shown = sum(row.since == last for row, _ in rows)
    earlier, _, skip = parameters.get("before", "").partition(".")
    if earlier == str(instant):  # a whole page of one instant
        shown += parse_number(skip, MAX_SKIP) or 0
    return f"{instant}.{shown}"

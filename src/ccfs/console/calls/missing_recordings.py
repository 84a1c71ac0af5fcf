"""Calls that should have a recording and have none: it is still awaited, or missing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import PERIOD_LABELS, InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics.periods import StatisticsPeriod, parse_period
from ccfs.db.tenant.ingest import expected_recordings
from ccfs.db.tenant.ingest.expected_recordings import ExpectedPage, ExpectedRecording
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

PAGE_ROWS: Final = 100
MAX_SKIP: Final = 100_000  # rows of one instant
STATES: Final = {"missing": True, "awaited": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Rows = list[tuple[ExpectedRecording, datetime | None]]


async def show_missing_recordings(request: ConsoleRequest) -> Response:
    """Show an account's expected recordings of a period that have not arrived, the latest call first."""
    scopes, parameters = await request.list_scopes(Permission.SEARCH), request.query_params
    if not scopes:
        return render_no_accounts(request)
    of_app = [scope for scope in scopes if scope.app.ak == parameters.get("app")]  # of a link that names no account
    scope = of_app[0] if of_app and "account" not in parameters else choose_scope(request, scopes)
    state = parameters.get("state", "missing")
    rows: Rows = []
    problem, period = "", None
    try:
        period = parse_period(parameters, scope.zone, request.context.now())
        page = _parse_page(parameters.get("before", ""), state)
        rows = await request.context.query(partial(_list_rows, scope=scope, period=period, page=page))
    except InvalidSearch as error:
        problem = request.translate(str(error))
    fields = dict(period.fields) if period else {name: parameters.get(name, "") for name in ("period", "from", "to")}
    following = fields | {"account": scope.name, "state": state, "before": _format_next_page(rows, parameters)}
    return request.render_page(
        "missing_recordings.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        fields=fields,
        state=state,
        rows=rows,
        problem=problem,
        period_labels=PERIOD_LABELS,
        next_page_url=f"/console/missing-recordings?{urlencode(following)}" if len(rows) == PAGE_ROWS else "",
        wait=timedelta(seconds=request.context.settings.recording_wait_seconds),
    )


def _list_rows(connection: Connection, scope: AccountScope, period: StatisticsPeriod, page: ExpectedPage) -> Rows:
    account_id = scope.account.account_id
    return expected_recordings.list_of_account(connection, scope.app, account_id, period.window, page)


def _parse_page(before: str, state: str) -> ExpectedPage:
    """Return the page after a cursor: the instant of its last row in microseconds, and how many rows of it were shown."""
    microseconds, _, skip = before.partition(".")
    numbers = [text for text in (microseconds, skip) if text.isascii() and text.isdecimal() and len(text) < 18]
    if len(numbers) != 2:
        return ExpectedPage(is_missing=STATES.get(state), limit=PAGE_ROWS)
    until = _EPOCH + (min(int(microseconds), 2**57) + 1) * _MICROSECOND
    return ExpectedPage(is_missing=STATES.get(state), until=until, skip=min(int(skip), MAX_SKIP), limit=PAGE_ROWS)


def _format_next_page(rows: Rows, parameters: Mapping[str, str]) -> str:
    if not rows:
        return ""
    last = rows[-1][0].since
    instant = (last - _EPOCH) // _MICROSECOND
    shown = sum(row.since == last for row, _ in rows)
    earlier, _, skip = parameters.get("before", "").partition(".")
    if earlier == str(instant) and skip.isdecimal():  # a whole page of one instant
        shown += int(skip)
    return f"{instant}.{shown}"

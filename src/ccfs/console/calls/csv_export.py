"""The calls of a search as CSV, sent in batches while the search runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.console import labels
from ccfs.console.call_list import columns
from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.calls import call_lookup, call_search
from ccfs.logs import get_logger
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.search import CallSearch
from ccfs.model.formats import safe_csv
from ccfs.model.formats.durations import format_utc_offset
from ccfs.model.identity.audit import AuditAction
from ccfs.web.context import WebContext
from ccfs.web.responses.types import Response, StreamedResponse

BATCH_CALLS: Final = 200
BATCH_TIMEOUT_SECONDS: Final = 1.0  # of a batch's search, after which the calls found so far are sent
_CELLS: Final = {  # headings of a column of the list, which the user's language translates
    "direction": ("Direction",),
    "caller": ("Caller", "Caller name"),
    "callee": ("Called number",),
    "queue": ("Queues",),
    "agent": ("Agents",),
    "wait": ("Waiting time (s)",),
    "talk": ("Answered", "Talk time (s)", "Result"),
    "result": ("Result",),
    "end": ("End",),
    "call_id": (),  # every file has it
}
Translate = Callable[..., str]


def list_headings(columns: Sequence[str]) -> list[str]:
    """Return the headings of a file, in English: those of the user's columns of the list, between what every file has."""
    chosen = dict.fromkeys(heading for column in columns for heading in _CELLS[column])
    return ["Call ID", "Start", "UTC offset", *chosen, "Recordings"]


async def download_calls_csv(request: ConsoleRequest) -> Response:
    """Return all results of a search as CSV, up to `search_csv_rows` calls."""
    scope, now = request.current_scope, request.context.now()
    try:
        form = search_form.parse_search(request.query_params, scope.account.account_id, scope.zone, now)
    except search_form.InvalidSearch:
        return request.redirect("/console/calls", **request.query_params)  # the search page shows the error
    await request.audit_action(AuditAction.CALLS_DOWNLOADED, form.build_query(), scope)
    name = f"calls-{now.astimezone(scope.zone):%Y%m%d-%H%M%S}.csv"
    headings = list_headings(columns.list_columns(request.current_user.preferences))
    chunks = _iter_csv(request.context, scope, form.search, headings, request.translate)
    return StreamedResponse(chunks=lambda _start, _end: chunks, name=name, content_type=safe_csv.CONTENT_TYPE)


def _iter_csv(
    context: WebContext, scope: AccountScope, search: CallSearch, headings: list[str], translate: Translate
) -> Iterator[bytes]:
    """Yield the rows. If they are incomplete, the last row states this, because the response has no length to show it."""
    yield safe_csv.BOM + safe_csv.encode_rows([[translate(heading) for heading in headings]])
    remaining, search = context.settings.search_csv_rows, replace(search, cursor=None, limit=BATCH_CALLS)
    try:
        while True:
            calls, search = _load_batch(context, scope, search)
            rows = [_build_row(scope, call, recordings, headings, translate) for call, recordings in calls]
            yield safe_csv.encode_rows(rows[:remaining])
            remaining -= len(rows)
            if remaining < 0 or (remaining == 0 and search.cursor):
                yield safe_csv.encode_rows(
                    [[translate("The search found more calls than one CSV file may contain. The list ends here.")]]
                )
                return
            if search.cursor is None:
                return
    except SQLAlchemyError as error:
        get_logger().error("database unavailable during transfer", action="response_aborted", reason=str(error)[:200])
        yield safe_csv.encode_rows([[translate("The list is incomplete. Download it again.")]])


def _load_batch(
    context: WebContext, scope: AccountScope, search: CallSearch
) -> tuple[list[tuple[Call, int]], CallSearch]:
    """Return the next calls with the number of their recordings, and the search of the batch after them; its cursor is None at the end."""
    app, accounts = scope.app, [scope.account.account_id]
    with context.database.read_transaction() as connection:
        page = call_search.find_calls(connection, app, search, BATCH_TIMEOUT_SECONDS)
        ids = [hit.call_id for hit in page.hits]
        legs = call_lookup.find_legs(connection, app, accounts, ids)
        recordings = call_lookup.count_recordings(connection, app, accounts, ids)
    found = [(build_call(legs[id_]), recordings.get(id_, 0)) for id_ in ids if id_ in legs]
    return found, replace(search, cursor=page.next_cursor)


def _build_row(
    scope: AccountScope, call: Call, recordings: int, headings: list[str], translate: Translate
) -> list[str]:
    begin, end = call.begin.astimezone(scope.zone), call.end.astimezone(scope.zone)
    reason = labels.get_leave_reason_label(call.leave_reason) if call.leave_reason else "Not answered"
    cells = {
        "Call ID": call.call_id,
        "Start": f"{begin:%Y-%m-%d %H:%M:%S}",
        "End": f"{end:%Y-%m-%d %H:%M:%S}",
        "UTC offset": format_utc_offset(begin),
        "Direction": translate(labels.DIRECTIONS[call.direction]),
        "Caller": call.caller_no,
        "Caller name": call.caller_name,
        "Called number": call.callee_no,
        "Queues": " ".join(call.queues),
        "Agents": " ".join(call.agents),
        "Answered": translate("Yes") if call.is_answered else translate("No"),
        "Waiting time (s)": str(int(call.wait.total_seconds())),
        "Talk time (s)": str(int(call.talk.total_seconds())),
        "Result": translate("Answered" if call.is_answered else reason),
        "Recordings": str(recordings),
    }
    return [cells[heading] for heading in headings]

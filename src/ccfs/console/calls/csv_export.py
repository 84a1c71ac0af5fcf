"""The calls of a search as CSV, sent in batches while the search runs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

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
CSV_HEADER: Final = (
    *("call_id", "begin", "end", "utc_offset", "direction", "caller", "caller_name", "callee", "queues", "agents"),
    *("answered", "wait_seconds", "talk_seconds", "leave_reason", "recordings"),
)


async def download_calls_csv(request: ConsoleRequest) -> Response:
    """Return all results of a search as CSV, up to `search_csv_rows` calls."""
    scope, now = request.current_scope, request.context.now()
    try:
        form = search_form.parse_search(request.query_params, scope.account.account_id, scope.zone, now)
    except search_form.InvalidSearch:
        return request.redirect("/console/calls", **request.query_params)  # the search page shows the error
    await request.audit_action(AuditAction.CALLS_DOWNLOADED, form.build_query(), scope)
    name = f"calls-{now.astimezone(scope.zone):%Y%m%d-%H%M%S}.csv"
    chunks = _iter_csv(request.context, scope, form.search, request.translate)
    return StreamedResponse(chunks=lambda _start, _end: chunks, name=name, content_type=safe_csv.CONTENT_TYPE)


def _iter_csv(
    context: WebContext, scope: AccountScope, search: CallSearch, translate: Callable[..., str]
) -> Iterator[bytes]:
    """Yield the rows. If they are incomplete, the last row states this, because the response has no length to show it."""
    yield safe_csv.BOM + safe_csv.encode_rows([CSV_HEADER])
    remaining, search = context.settings.search_csv_rows, replace(search, cursor=None, limit=BATCH_CALLS)
    try:
        while True:
            rows, search = _load_batch(context, scope, search)
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
) -> tuple[list[tuple[str, ...]], CallSearch]:
    """Return the next calls as rows, and the search of the batch after them; its cursor is None at the end."""
    app, accounts = scope.app, [scope.account.account_id]
    with context.database.read_transaction() as connection:
        page = call_search.find_calls(connection, app, search, BATCH_TIMEOUT_SECONDS)
        ids = [hit.call_id for hit in page.hits]
        legs = call_lookup.find_legs(connection, app, accounts, ids)
        recordings = call_lookup.count_recordings(connection, app, accounts, ids)
    rows = [_build_row(scope, build_call(legs[id_]), recordings.get(id_, 0)) for id_ in ids if id_ in legs]
    return rows, replace(search, cursor=page.next_cursor)


def _build_row(scope: AccountScope, call: Call, recordings: int) -> tuple[str, ...]:
    begin, end = call.begin.astimezone(scope.zone), call.end.astimezone(scope.zone)
    return (
        call.call_id,
        f"{begin:%Y-%m-%d %H:%M:%S}",
        f"{end:%Y-%m-%d %H:%M:%S}",
        format_utc_offset(begin),
        call.direction,
        call.caller_no,
        call.caller_name,
        call.callee_no,
        " ".join(call.queues),
        " ".join(call.agents),
        "yes" if call.is_answered else "no",
        str(int(call.wait.total_seconds())),
        str(int(call.talk.total_seconds())),
        str(call.leave_reason),
        str(recordings),
    )

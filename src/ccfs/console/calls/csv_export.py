"""The calls that a search finds as CSV for a spreadsheet: sent while it is looked up, some calls at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant import call_lookup as store
from ccfs.db.tenant import call_search
from ccfs.logs import get_logger
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.search import CallSearch
from ccfs.model.formats import safe_csv
from ccfs.model.formats.durations import format_utc_offset
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.context import WebContext
from ccfs.web.responses.types import ChunkedResponse, Response

BATCH_CALLS: Final = 200  # calls looked up at a time
BATCH_TIMEOUT_SECONDS: Final = 1.0  # seconds that they may be looked for before what was found is sent
CSV_HEADER: Final = (
    *("call_id", "begin", "end", "utc_offset", "direction", "caller", "caller_name", "callee", "queues", "agents"),
    *("answered", "wait_seconds", "talk_seconds", "leave_reason", "recordings"),
)


async def download_calls_csv(visit: ConsoleRequest) -> Response:
    """The whole search as CSV, up to as many calls as the settings allow."""
    place, now = await visit.get_scope(Permission.DOWNLOAD), visit.context.now()
    try:
        asked = search_form.parse_search(visit.query_params, place.account.account_id, place.zone, now)
    except search_form.InvalidSearch:
        return visit.redirect("/console/calls", **visit.query_params)  # whose page says what is unclear
    await visit.audit_action(AuditAction.CALLS_DOWNLOADED, asked.build_query(), place)
    name = f"calls-{now.astimezone(place.zone):%Y%m%d-%H%M%S}.csv"
    chunks = _iter_csv(visit.context, place, asked.search, visit.translate)
    return ChunkedResponse(chunks=chunks, name=name, content_type=safe_csv.CONTENT_TYPE)


def _iter_csv(
    here: WebContext, place: AccountScope, search: CallSearch, translate: Callable[..., str]
) -> Iterator[bytes]:
    """The lines; where they end before the calls do, the last one says so, for the length does not."""
    yield safe_csv.BOM + safe_csv.encode_rows([CSV_HEADER])
    left, search = here.settings.search_csv_rows, replace(search, cursor=None, limit=BATCH_CALLS)
    try:
        while True:
            rows, search = _load_batch(here, place, search)
            yield safe_csv.encode_rows(rows[:left])
            left -= len(rows)
            if left < 0 or (left == 0 and search.cursor):
                yield safe_csv.encode_rows([[translate("More calls were found than one file may have; it ends here.")]])
                return
            if search.cursor is None:
                return
    except SQLAlchemyError as error:
        get_logger().error("the database went away", action="answer_cut", reason=str(error)[:200])
        yield safe_csv.encode_rows([[translate("The list broke off here; take it again.")]])


def _load_batch(here: WebContext, place: AccountScope, search: CallSearch) -> tuple[list[tuple[str, ...]], CallSearch]:
    """The next calls as rows, and the search that goes on behind them; without `after` where it is at its end."""
    mine = [place.account.account_id]
    with here.database.read_transaction() as connection:
        found = call_search.find_calls(connection, place.app, search, BATCH_TIMEOUT_SECONDS)
        ids = [hit.call_id for hit in found.hits]
        legs = store.find_legs(connection, place.app, mine, ids)
        taped = store.count_recordings(connection, place.app, mine, ids)
    rows = [_build_row(place, build_call(legs[one]), taped.get(one, 0)) for one in ids if one in legs]
    return rows, replace(search, cursor=found.next_cursor)


def _build_row(place: AccountScope, call: Call, recordings: int) -> tuple[str, ...]:
    begin, end = call.begin.astimezone(place.zone), call.end.astimezone(place.zone)
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

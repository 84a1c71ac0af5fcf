"""Suggestions for the search field: agents, queues, names and numbers of the account, and a day."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.calls.search_dates import extract_day
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.calls import search_index
from ccfs.db.tenant.calls.search_index import ValueKind
from ccfs.model.calls.search_text import MIN_PART_DIGITS, fold_number, list_number_terms, list_start_terms
from ccfs.model.exports.time_window import to_local
from ccfs.web.responses.types import Response

MAX_TEXT_LENGTH: Final = 64
MAX_PER_KIND: Final = 5
MAX_SUGGESTIONS: Final = 12
_FIELDS: Final = {  # the field that a choice fills
    ValueKind.AGENT: "agent",
    ValueKind.QUEUE: "queue",
    ValueKind.NAME: "caller",
    ValueKind.CALLER: "caller",
    ValueKind.CALLEE: "callee",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One value, and the field of the search that it fills."""

    field: str
    value: str


async def suggest(request: ConsoleRequest) -> Response:
    """Return the options of the search field's list for the parameter `q`."""
    scope, text = request.current_scope, request.query_params.get("q", "").strip()[:MAX_TEXT_LENGTH]
    found = await request.context.query(partial(_list_suggestions, scope=scope, text=text)) if text else []
    day, _ = extract_day(text, to_local(request.context.now(), scope.zone).date())
    if day is not None:
        found.insert(0, Suggestion(field="q", value=day.isoformat()))
    return request.render_page("suggestions.html", suggestions=found)


def _list_suggestions(connection: Connection, scope: AccountScope, text: str) -> list[Suggestion]:
    found: dict[Suggestion, None] = {}
    for kind, field in _FIELDS.items():
        is_part = kind in (ValueKind.CALLER, ValueKind.CALLEE) and len(fold_number(text)) >= MIN_PART_DIGITS
        terms = list_number_terms(text) if is_part else list_start_terms(text)
        values = search_index.list_suggestions(
            connection, scope.app, scope.account.account_id, kind, terms, MAX_PER_KIND
        )
        found |= dict.fromkeys(Suggestion(field=field, value=value) for value in values if "," not in value)
    return list(found)[:MAX_SUGGESTIONS]

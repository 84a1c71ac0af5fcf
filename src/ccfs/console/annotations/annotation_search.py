"""The page that searches the annotations of an account: by text, tag, author and time, each with a link to its second."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from ccfs.console.account_page import show_account_page
from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant import annotations
from ccfs.db.tenant.annotations import MAX_SEARCHED, AnnotationSearch, FoundAnnotation
from ccfs.model.formats.numbers import MAX_ID, parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

PAGE_SIZE: Final = 50
DEFAULT_PERIOD: Final = timedelta(days=90)
MAX_PERIOD: Final = timedelta(days=366 * 10)
MAX_LENGTH: Final = 100  # characters of a field
FIELD_NAMES: Final = ("text", "tag", "author", "from", "to")


async def show_annotations(request: ConsoleRequest) -> Response:
    """Show the annotations of an account that match, the newest first."""
    fields = {name: request.query_params.get(name, "").strip()[:MAX_LENGTH] for name in FIELD_NAMES}

    async def load(scope: AccountScope) -> list[FoundAnnotation]:
        search = _parse_search(fields, scope, request.context.now(), request.query_params.get("cursor", ""))
        given = urlencode({name: value for name, value in fields.items() if value})
        if search.cursor is None:
            await request.audit_action(AuditAction.ANNOTATIONS_SEARCHED, given, scope)
        return await request.context.query(
            lambda connection: annotations.search(connection, scope.app, search, PAGE_SIZE + 1)
        )

    def build_values(scope: AccountScope, loaded: list[FoundAnnotation] | None) -> dict[str, Any]:
        found = loaded or []
        last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
        return {
            "fields": fields,
            "found": found[:PAGE_SIZE],
            "most": MAX_SEARCHED,
            "next_page_url": _build_next_page_url(scope, fields, last) if last else "",
        }

    return await show_account_page(request, Permission.LISTEN, "annotations.html", load, build_values)


def _parse_search(fields: Mapping[str, str], scope: AccountScope, now: datetime, cursor: str) -> AnnotationSearch:
    today = now.astimezone(scope.zone).date()
    last = _parse_day(fields["to"]) or today
    first = _parse_day(fields["from"]) or last - DEFAULT_PERIOD
    if last < first:
        raise InvalidSearch("The first day must not be after the last day.")
    if last - first > MAX_PERIOD:
        raise InvalidSearch("A search covers at most ten years.")
    begin, end = (datetime.combine(day, time(), scope.zone) for day in (first, last + timedelta(days=1)))
    return AnnotationSearch(
        account_id=scope.account.account_id,
        begin=begin,
        end=end,
        text=fields["text"],
        tag=" ".join(fields["tag"].lower().split()),
        author=fields["author"],
        cursor=_parse_cursor(cursor),
    )


def _parse_day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidSearch("Enter days such as 2026-01-31.") from None
    if not 1970 <= day.year <= 9000:
        raise InvalidSearch("Enter days such as 2026-01-31.")
    return day


def _build_next_page_url(scope: AccountScope, fields: Mapping[str, str], last: FoundAnnotation) -> str:
    cursor = f"{last.annotation.created_at.isoformat()} {last.annotation.id}"
    given = {name: value for name, value in fields.items() if value}
    return f"/console/annotations?{urlencode({'account': scope.name, **given, 'cursor': cursor})}"


def _parse_cursor(text: str) -> tuple[datetime, int] | None:
    """Return the cursor; None for one that no page has linked to."""
    instant, _, number = text.partition(" ")
    try:
        created_at = datetime.fromisoformat(instant[:40])
    except ValueError:
        return None
    annotation_id = parse_number(number, MAX_ID)
    return None if created_at.tzinfo is None or annotation_id is None else (created_at, annotation_id)

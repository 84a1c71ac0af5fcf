"""The page that searches the annotations of an account: by text, tag, author and time, each with a link to its second."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant import annotations
from ccfs.db.tenant.annotations import MAX_SEARCHED, AnnotationSearch, FoundAnnotation
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
    scopes = await request.list_scopes(Permission.LISTEN)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    fields = {name: request.query_params.get(name, "").strip()[:MAX_LENGTH] for name in FIELD_NAMES}
    problem, found = "", list[FoundAnnotation]()
    try:
        search = _parse_search(fields, scope, request.context.now(), request.query_params.get("cursor", ""))
    except InvalidSearch as error:
        problem = request.translate(str(error))
    else:
        given = urlencode({name: value for name, value in fields.items() if value})
        if search.cursor is None:
            await request.audit_action(AuditAction.ANNOTATIONS_SEARCHED, given, scope)
        found = await request.context.query(
            lambda connection: annotations.search(connection, scope.app, search, PAGE_SIZE + 1)
        )
    shown, last = found[:PAGE_SIZE], found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    return request.render_page(
        "annotations.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        fields=fields,
        found=shown,
        problem=problem,
        most=MAX_SEARCHED,
        next_page_url=_build_next_page_url(scope, fields, last) if last else "",
    )


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
    if created_at.tzinfo is None or not number.isdecimal() or len(number) > 18:
        return None
    return created_at, int(number)

"""The evaluations of an account: the list with its filters, and the same as CSV."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.exc import SQLAlchemyError

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.quality.quality_labels import ANSWERS, EVALUATION_HEADINGS, EVALUATION_STATES
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.quality import evaluation_forms, evaluation_search
from ccfs.db.tenant.quality.evaluation_search import EvaluationSearch
from ccfs.logs import get_logger
from ccfs.model.exports.time_window import to_utc
from ccfs.model.formats import safe_csv
from ccfs.model.formats.durations import format_utc_offset
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.quality.evaluation import Evaluation, EvaluationState
from ccfs.model.quality.evaluation_form import NO, YES
from ccfs.web.responses.types import Response, StreamedResponse

PAGE_SIZE: Final = 50
DEFAULT_PERIOD: Final = timedelta(days=90)
MAX_PERIOD: Final = timedelta(days=366 * 10)
MAX_LENGTH: Final = 100  # characters of a field
FIELD_NAMES: Final = ("agent", "form", "scorer", "state", "from", "to")
CSV_BATCH: Final = 500
MAX_NUMBER: Final = 10**15 - 1  # of a form or an evaluation in a parameter
_DAY: Final = timedelta(days=1)


async def show_evaluations(request: ConsoleRequest) -> Response:
    """Show the evaluations of an account that match, the newest first, with their average score."""
    scopes = await request.list_scopes(Permission.EVALUATE)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    problem, found, summary = "", list[Evaluation](), None
    fields = {name: request.query_params.get(name, "").strip()[:MAX_LENGTH] for name in FIELD_NAMES}
    account_id = scope.account.account_id
    forms = await request.context.query(lambda c: evaluation_forms.list_by_account(c, scope.app, account_id))
    try:
        search = _parse_search(request, scope, fields)
    except InvalidSearch as error:
        problem = request.translate(str(error))
    else:
        if search.cursor is None:
            await request.audit_action(AuditAction.EVALUATIONS_VIEWED, _build_query(fields), scope)
        found, summary = await request.context.query(
            lambda c: (
                evaluation_search.find_evaluations(c, scope.app, search, PAGE_SIZE + 1),
                evaluation_search.summarise(c, scope.app, replace(search, cursor=None)),
            )
        )
    last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    given = {"account": scope.name} | {name: value for name, value in fields.items() if value}
    return request.render_page(
        "evaluations.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        fields=fields,
        forms=forms,
        found=found[:PAGE_SIZE],
        summary=summary,
        problem=problem,
        csv_url=f"/console/evaluations/csv?{urlencode(given)}",
        next_page_url=f"/console/evaluations?{urlencode(given | {'cursor': _format_cursor(last)})}" if last else "",
    )


async def download_evaluations_csv(request: ConsoleRequest) -> Response:
    """Return all evaluations that match as CSV, up to `search_csv_rows`."""
    scope = request.current_scope
    fields = {name: request.query_params.get(name, "").strip()[:MAX_LENGTH] for name in FIELD_NAMES}
    try:
        search = replace(_parse_search(request, scope, fields), cursor=None)
    except InvalidSearch:
        return request.redirect("/console/evaluations", **request.query_params)  # the page shows the error
    await request.audit_action(AuditAction.EVALUATIONS_DOWNLOADED, _build_query(fields), scope)
    name = f"evaluations-{request.context.now().astimezone(scope.zone):%Y%m%d-%H%M%S}.csv"
    chunks = _iter_csv(request, scope, search)
    return StreamedResponse(chunks=lambda _start, _end: chunks, name=name, content_type=safe_csv.CONTENT_TYPE)


def _iter_csv(request: ConsoleRequest, scope: AccountScope, search: EvaluationSearch) -> Iterator[bytes]:
    """Yield the rows. If they are incomplete, the last row says so."""
    yield safe_csv.BOM + safe_csv.encode_rows([[*map(request.translate, EVALUATION_HEADINGS.values())]])
    remaining = request.context.settings.search_csv_rows
    try:
        while True:
            with request.context.database.read_transaction() as connection:
                found = evaluation_search.find_evaluations(connection, scope.app, search, CSV_BATCH)
            yield safe_csv.encode_rows([_build_row(request.translate, scope, one) for one in found[:remaining]])
            remaining -= len(found)
            if remaining < 0:
                ends = request.translate(
                    "There are more evaluations than one CSV file may contain. The list ends here."
                )
                yield safe_csv.encode_rows([[ends]])
                return
            if len(found) < CSV_BATCH:
                return
            search = replace(search, cursor=(found[-1].current.evaluated_at, found[-1].id))
    except SQLAlchemyError as error:
        get_logger().error("database unavailable during transfer", action="response_aborted", reason=str(error)[:200])
        yield safe_csv.encode_rows([[request.translate("The list is incomplete. Download it again.")]])


def _build_row(translate: Callable[[str], str], scope: AccountScope, evaluation: Evaluation) -> tuple[str, ...]:
    current, call = evaluation.current, evaluation.call
    evaluated_at = current.evaluated_at.astimezone(scope.zone)
    format_time = partial(_format_time, scope)
    answers = sorted(current.draft.answers.items(), key=lambda item: [int(part) for part in item[0].split(".")])
    return (
        str(evaluation.id),
        call.call_id,
        format_time(call.call_begin),
        call.agent_id,
        evaluation.form_name,
        str(evaluation.version),
        evaluation.scorer,
        translate(EVALUATION_STATES[current.state]),
        str(current.revision),
        format_time(current.evaluated_at),
        format_utc_offset(evaluated_at),
        "" if current.score is None else f"{current.score // 100}.{current.score % 100:02}",
        translate(ANSWERS[YES if current.is_failed else NO]),
        current.draft.comment,
        current.response,
        format_time(current.responded_at),
        str(evaluation.calibration or ""),
        "; ".join(f"{key}={answer.value}" for key, answer in answers),
    )


def _format_time(scope: AccountScope, instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(scope.zone):%Y-%m-%d %H:%M:%S}"


def _parse_search(request: ConsoleRequest, scope: AccountScope, fields: Mapping[str, str]) -> EvaluationSearch:
    last = _parse_day(fields["to"]) or request.context.now().astimezone(scope.zone).date()
    first = _parse_day(fields["from"]) or last - DEFAULT_PERIOD
    if last < first:
        raise InvalidSearch("The first day must not be after the last day.")
    if last - first > MAX_PERIOD:
        raise InvalidSearch("A search covers at most ten years.")
    begin, end = (to_utc(datetime.combine(day, time()), scope.zone) for day in (first, last + _DAY))
    form = fields["form"]
    return EvaluationSearch(
        account_id=scope.account.account_id,
        viewer=request.current_user.name,
        begin=begin,
        end=end,
        agent_id=fields["agent"],
        form=parse_number(form, MAX_NUMBER),
        scorer=fields["scorer"].lower(),
        state=next((state for state in EvaluationState if state == fields["state"]), None),
        cursor=_parse_cursor(request.query_params.get("cursor", "")),
    )


def _parse_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidSearch("Enter days such as 2026-01-31.") from None
    if day is not None and not 1970 <= day.year <= 9000:
        raise InvalidSearch("Enter days such as 2026-01-31.")
    return day


def _build_query(fields: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in fields.items() if value})


def _format_cursor(last: Evaluation) -> str:
    return f"{last.current.evaluated_at.isoformat()} {last.id}"


def _parse_cursor(text: str) -> tuple[datetime, int] | None:
    """Return the cursor; None for one that no page has linked to."""
    instant, _, number = text.partition(" ")
    try:
        at = datetime.fromisoformat(instant[:40])
    except ValueError:
        return None
    last_id = parse_number(number, MAX_NUMBER)
    return None if at.tzinfo is None or last_id is None else (at, last_id)

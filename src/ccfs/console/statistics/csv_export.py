"""The statistics of a period as a CSV file: the account by slot, its queues and its agents."""

from functools import partial

from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.request import ConsoleRequest
from ccfs.console.statistics import page, periods
from ccfs.console.statistics.charts_of_calls import CallFilter
from ccfs.console.statistics.page import StatisticsView
from ccfs.model.calls.reports.figures_csv import build_header, build_row, build_speech_cells, build_speech_header
from ccfs.model.formats import safe_csv
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import BytesResponse, Response


async def download_statistics_csv(request: ConsoleRequest) -> Response:
    """Return the figures of a period: in total, by slot, by queue and by agent."""
    scope, now = request.current_scope, request.context.now()
    chosen = page.parse_filter(request.query_params)
    try:
        period = periods.parse_period(request.query_params, scope.zone, now)
    except InvalidSearch:
        return request.redirect("/console/statistics", **request.query_params)  # the page shows the error
    await request.audit_action(AuditAction.STATISTICS_DOWNLOADED, page.describe_query(period, chosen), scope)
    view = await request.context.query(partial(page.load_view, request, scope, period, chosen))
    name = page.get_file_name(scope, now)
    header = build_header(request.translate) + build_speech_header(request.translate)
    return BytesResponse(
        body=safe_csv.BOM
        + safe_csv.encode_rows([header, *_build_rows(view, chosen, scope.account.service_level_seconds)]),
        content_type=safe_csv.CONTENT_TYPE,
        extra_headers=(("content-disposition", f'attachment; filename="{name}"'),),
    )


def _build_rows(view: StatisticsView, chosen: CallFilter, target: int) -> list[tuple[str, ...]]:
    slots, speech = [slot.figures for slot in view.slots], view.speech
    of_kind = {"queue": speech.queues, "agent": speech.agents}
    kinds = (("total", [view.totals]), ("slot", slots), ("queue", view.tables.queues), ("agent", view.tables.agents))
    return [
        (
            *build_row(kind, row, target),
            *build_speech_cells(
                speech.select(chosen.agent, chosen.queue) if kind == "total" else of_kind.get(kind, {}).get(row.name)
            ),
        )
        for kind, rows in kinds
        for row in rows
    ]

"""Home of operators: the findings of the whole installation, with the remedy of each, and its figures."""

from dataclasses import dataclass
from datetime import timedelta

from ccfs.console import render
from ccfs.console.labels import AREAS, SEVERITIES
from ccfs.console.request import ConsoleRequest
from ccfs.model.errors import FileUnavailable
from ccfs.status.findings import Finding, Severity, Value
from ccfs.web.responses.types import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding in the user's language."""

    severity: Severity
    severity_label: str
    area: str
    sentence: str
    path: str
    command: str


async def show_status(request: ConsoleRequest) -> Response:
    """Show the findings, the worst first, and the figures that they follow from."""
    report = await request.context.status.get_report()
    if report is None:
        raise FileUnavailable
    return request.render_page(
        "status.html",
        report=report,
        findings=[build_finding_view(request, finding) for finding in report.findings],
        format_span=lambda span: format_span(request, span),
        alert=report.worst if report.worst is not Severity.NOTICE else "",
    )


def build_finding_view(request: ConsoleRequest, finding: Finding) -> FindingView:
    """Return a finding in the user's language."""

    def format_value(name: str, value: Value) -> str:
        if isinstance(value, str):
            return value
        if name in ("age", "left"):
            return format_span(request, timedelta(seconds=value))
        return render.format_size(value) if name == "free" else f"{value:,}"

    return FindingView(
        severity=finding.severity,
        severity_label=request.translate(SEVERITIES[finding.severity]),
        area=request.translate(AREAS[finding.area]),
        sentence=finding.describe(request.translate, format_value),
        path=finding.path,
        command=finding.command,
    )


def format_span(request: ConsoleRequest, span: timedelta) -> str:
    """Return a duration in the largest unit of which it has one and a half or more."""
    seconds = int(span.total_seconds())
    if seconds < 90:
        return request.translate("{count} s", count=seconds)
    if seconds < 90 * 60:
        return request.translate("{count} min", count=seconds // 60)
    if seconds < 36 * 3600:
        return request.translate("{count} h", count=seconds // 3600)
    return request.translate("{count} days", count=seconds // 86_400)

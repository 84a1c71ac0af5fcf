"""Entries of the audit log as sentences with links, in place of paths and query strings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final
from urllib.parse import parse_qsl, urlencode

from ccfs.console.audit_labels import ACTION_KINDS, ACTIONS, AUDIT_SENTENCES, AUDITED_FIELDS
from ccfs.console.calls.search_form import PERIOD_LABELS
from ccfs.console.labels import ANSWERED, DAY_PERIODS, DIRECTIONS, ORDERS, RECORDED
from ccfs.console.quality.quality_labels import EVALUATION_STATES
from ccfs.console.request import ConsoleRequest
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Permission

MAX_SEARCH_FIELDS: Final = 30
_SEARCH_PAGES: Final = {  # pages whose query is an entry's target
    AuditAction.CALLS_SEARCHED: "/console/calls",
    AuditAction.CALLS_DOWNLOADED: "/console/calls",
    **dict.fromkeys(
        (AuditAction.SEARCH_SAVED, AuditAction.SEARCH_SHARED, AuditAction.SEARCH_RENAMED), "/console/calls"
    ),
    AuditAction.ANNOTATIONS_SEARCHED: "/console/annotations",
    AuditAction.EVALUATIONS_VIEWED: "/console/evaluations",
    AuditAction.EVALUATIONS_DOWNLOADED: "/console/evaluations",
    AuditAction.AUDIT_LOG_DOWNLOADED: "/console/audit",
}
_SEARCH_PERMISSIONS: Final = {"/console/annotations": Permission.LISTEN, "/console/evaluations": Permission.EVALUATE}
_VALUES: Final[dict[str, Mapping[str, str]]] = {
    "period": PERIOD_LABELS | DAY_PERIODS,
    "direction": {str(key): text for key, text in DIRECTIONS.items()},
    "sort": {str(key): text for key, text in ORDERS.items()},
    "recorded": dict(RECORDED),
    "answered": dict(ANSWERED),
    "state": {str(key): text for key, text in EVALUATION_STATES.items()},
    "action": {str(key): text for key, text in ACTIONS.items()} | ACTION_KINDS,
}


@dataclass(frozen=True, slots=True)
class SentencePart:
    """A part of a sentence; `url` is empty if it is plain text, or the user may not open the page."""

    text: str
    url: str = ""
    is_code: bool = False


def build_sentence(request: ConsoleRequest, entry: AuditEntry, app: App | None) -> list[SentencePart]:
    """Return the parts of an entry's sentence in the user's language."""
    pattern = AUDIT_SENTENCES.get(entry.action, "")
    names = {name for _, name, _, _ in Formatter().parse(pattern) if name}
    if not pattern or ("call" in names and not _get_call(entry)):
        parts = [SentencePart(request.translate(ACTIONS[entry.action]))]
        return [*parts, SentencePart(" "), SentencePart(entry.target, is_code=True)] if entry.target else parts
    return list(_iter_parts(request, entry, app, request.translate(pattern)))


def describe_search(request: ConsoleRequest, query: str) -> str:
    """Return the fields of a query in words; unknown ones as they are."""
    described = []
    for name, value in parse_qsl(query)[:MAX_SEARCH_FIELDS]:
        label = request.translate(AUDITED_FIELDS.get(name, name))
        text = _VALUES.get(name, {}).get(value)
        described.append(f"{label} {request.translate(text) if text else value}")
    return ", ".join(described) or request.translate("all")


def _iter_parts(request: ConsoleRequest, entry: AuditEntry, app: App | None, pattern: str) -> Iterator[SentencePart]:
    for text, name, _, _ in Formatter().parse(pattern):
        if text:
            yield SentencePart(text)
        if name == "call":
            yield SentencePart(_get_call(entry), _get_call_url(request, entry, app), is_code=True)
        elif name == "target":
            yield SentencePart(entry.target, is_code=True)
        elif name == "file":
            yield SentencePart(entry.target.rpartition("/")[2] or entry.target, is_code=True)
        elif name == "search":
            yield SentencePart(describe_search(request, entry.target), _get_search_url(request, entry, app))
        elif name == "export":
            yield SentencePart(entry.target, _get_export_url(request, entry, app), is_code=True)


def _get_call(entry: AuditEntry) -> str:
    if entry.call_ids:
        return entry.call_ids[0]
    return entry.target if entry.action is AuditAction.CALL_VIEWED else ""


def _may(request: ConsoleRequest, permission: Permission, entry: AuditEntry, app: App | None) -> bool:
    return app is not None and request.current_user.has_permission(permission, app.id, entry.account_id)


def _get_call_url(request: ConsoleRequest, entry: AuditEntry, app: App | None) -> str:
    if app is None or not entry.account_id or not _may(request, Permission.SEARCH, entry, app):
        return ""
    return "/console/call?" + urlencode({"account": f"{app.ak}/{entry.account_id}", "id": _get_call(entry)})


def _get_search_url(request: ConsoleRequest, entry: AuditEntry, app: App | None) -> str:
    page = _SEARCH_PAGES[entry.action]
    if entry.action is AuditAction.AUDIT_LOG_DOWNLOADED:
        return f"{page}?{entry.target}"
    permission = _SEARCH_PERMISSIONS.get(page, Permission.SEARCH)
    if app is None or not entry.account_id or not _may(request, permission, entry, app):
        return ""
    return f"{page}?{urlencode({'account': f'{app.ak}/{entry.account_id}'})}&{entry.target}"


def _get_export_url(request: ConsoleRequest, entry: AuditEntry, app: App | None) -> str:
    if app is None or not _may(request, Permission.EXPORT, entry, app):
        return ""
    return "/console/export?" + urlencode({"app": app.ak, "id": entry.target})

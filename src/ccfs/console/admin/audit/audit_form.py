"""The form of the audit log: its parameters parsed to an AuditQuery, in a time zone that the reader chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.console.audit_labels import AUDIT_PERIODS
from ccfs.console.request import ConsoleRequest
from ccfs.model.formats.numbers import MAX_ID, parse_number
from ccfs.model.identity.audit import (
    CHANGE_ACTIONS,
    HEARD_ACTIONS,
    LOGIN_ACTIONS,
    VIEW_ACTIONS,
    AuditAction,
    AuditQuery,
)
from ccfs.model.identity.user import Permission

FORM_FIELDS: Final = ("actor", "action", "call", "period", "from", "to", "zone")
DEFAULT_PERIOD: Final = "30"
ACTIONS_BY_KIND: Final[dict[str, tuple[AuditAction, ...]]] = {
    "heard": HEARD_ACTIONS,
    "viewed": VIEW_ACTIONS,
    "logins": LOGIN_ACTIONS,
    "changes": CHANGE_ACTIONS,
}
UTC_NAME: Final = "UTC"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditForm:
    """A query and the fields that describe it."""

    query: AuditQuery
    fields: Mapping[str, str]  # by FORM_FIELDS
    zone: ZoneInfo
    zones: list[str]  # to choose from


async def parse_form(request: ConsoleRequest, limit: int = 100) -> AuditForm:
    """Return the query that the parameters describe, limited to the scopes of the user's audit grants.

    An unknown value counts as none: the page is reached by links that outlast what they name.
    """
    fields = {name: request.query_params.get(name, "").strip() for name in FORM_FIELDS}
    zones = await _list_zones(request)
    if fields["zone"] not in zones:
        fields["zone"] = zones[0] if len(zones) == 2 else UTC_NAME
    zone = ZoneInfo(fields["zone"])
    begin, end = _parse_period(fields, zone, request.context.now())
    before = request.query_params.get("before", "")
    query = AuditQuery(
        begin=begin,
        end=end,
        actor=fields["actor"].lower(),
        actions=_parse_actions(fields["action"]),
        call_id=fields["call"],
        scopes=get_scopes(request),
        before_row=parse_number(before, MAX_ID),
        limit=limit,
    )
    return AuditForm(query=query, fields=fields, zone=zone, zones=zones)


def get_scopes(request: ConsoleRequest) -> tuple[tuple[int, str], ...] | None:
    """Return the scopes whose entries the user may read; None: all."""
    user = request.current_user
    if user.has_permission(Permission.AUDIT, None):
        return None
    return tuple(
        (grant.app, grant.account_id)
        for grant in user.grants
        if grant.app is not None and grant.covers(Permission.AUDIT, grant.app, grant.account_id)
    )


async def _list_zones(request: ConsoleRequest) -> list[str]:
    """Return the time zones of the accounts whose entries the user may read, and UTC last."""
    scopes = await request.list_scopes(Permission.AUDIT)
    return [*sorted({scope.account.zone for scope in scopes} - {UTC_NAME}), UTC_NAME]


def _parse_actions(text: str) -> tuple[AuditAction, ...]:
    return ACTIONS_BY_KIND.get(text) or tuple(action for action in AuditAction if action == text)


def _parse_period(fields: dict[str, str], zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end. A day without a time counts whole; a start alone reaches to now, an end alone back 30 days."""
    today = now.astimezone(zone).date()
    begin, end = _parse_local(fields["from"], zone), _parse_local(fields["to"], zone, is_end=True)
    if begin or end:
        fields["period"] = "custom"
        end = end or _midnight(today + _DAY, zone)
        return begin or end - int(DEFAULT_PERIOD) * _DAY, end
    if fields["period"] not in AUDIT_PERIODS:
        fields["period"] = DEFAULT_PERIOD
    if fields["period"] == "yesterday":
        return _midnight(today - _DAY, zone), _midnight(today, zone)
    days = 1 if fields["period"] == "today" else int(fields["period"])
    return _midnight(today - (days - 1) * _DAY, zone), _midnight(today + _DAY, zone)


def _parse_local(text: str, zone: ZoneInfo, *, is_end: bool = False) -> datetime | None:
    try:
        local = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if local is None or not 1970 < local.year < 9000:
        return None
    if len(text) <= len("2026-11-21"):
        return _midnight(local.date() + (_DAY if is_end else timedelta()), zone)
    instant = local.replace(tzinfo=zone, second=0, microsecond=0)
    return instant + timedelta(minutes=1) if is_end else instant


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)

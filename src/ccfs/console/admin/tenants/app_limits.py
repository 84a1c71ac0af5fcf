"""Limits of an app: showing them beside its present use, and changing them."""

from dataclasses import asdict, dataclass

from sqlalchemy.engine import Connection

from ccfs.console.labels import LIMITS
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import app_limits
from ccfs.db.system.console import audit
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.app_limits import LIMIT_NAMES, MAX_LIMIT, AppLimits, AppUse
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import App
from ccfs.web.responses.types import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """One limit as the page shows it."""

    name: str
    label: str
    limit: int  # in force; 0: unlimited
    own: int | None  # of the app; None: the default is in force


def build_limit_views(request: ConsoleRequest, app: App) -> tuple[list[LimitView], AppUse]:
    """Return the limits of an app, and what it uses of this node."""
    flow_control = request.context.flow_control
    own, effective = asdict(flow_control.get_own_limits(app.id)), asdict(flow_control.get_limits(app.id))
    views = [
        LimitView(name=name, label=request.translate(LIMITS[name]), limit=effective[name], own=own[name])
        for name in LIMIT_NAMES
    ]
    return views, flow_control.get_use(app.id)


def parse_limits(request: ConsoleRequest) -> AppLimits | None:
    """Return the limits of a form; an empty field means the default. None if a field is no limit."""
    if find_wrong_limit(request):
        return None
    texts = _get_texts(request)
    return AppLimits(**{name: int(text) if text else None for name, text in texts.items()})


def find_wrong_limit(request: ConsoleRequest) -> str:
    """Return the first field of a form that is no limit; "" if there is none."""
    return next((name for name, text in _get_texts(request).items() if text and not _is_limit(text)), "")


def _get_texts(request: ConsoleRequest) -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in LIMIT_NAMES}


async def save_limits(request: ConsoleRequest, app: App, limits: AppLimits) -> Response:
    """Replace the limits of an app."""

    def change(connection: Connection) -> None:
        app_limits.save(connection, app, limits)
        entry = request.build_audit_entry(AuditAction.APP_LIMITED, f"{app.ak} {limits.format_changes()}", app=app)
        audit.add(connection, entry)

    await request.context.transaction(change)
    request.context.tenant_cache.invalidate()
    return request.redirect("/console/apps")


def _is_limit(text: str) -> bool:
    return parse_number(text, MAX_LIMIT) is not None

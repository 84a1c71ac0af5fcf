"""The node for operators: settings and where each comes from; the certificates that are trusted for callbacks, and their
coming and going."""

import platform
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit, certificate_files, trusted_certificates
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.model.identity.user import Permission
from ccfs.settings import PREFIX, Settings
from ccfs.web.responses.types import BytesResponse, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting."""

    name: str
    value: str
    is_set: bool  # by the environment or an option; else it is the default
    description: str


async def show_settings(visit: ConsoleRequest) -> Response:
    """Everything about the node on one page; of it, only certificates can be changed here."""
    _require_operator(visit)
    return await _render_page(visit)


async def add_certificate(visit: ConsoleRequest) -> Response:
    """Trust the certificates of a file, PEM or DER, from the next callback on."""
    _require_operator(visit)
    name, data, now = visit.form.get("name", "").strip(), visit.files.get("file", b""), visit.context.now()
    if not is_valid_name(name):
        return await _render_page(visit, 400, visit.translate("A name has 1 to 64 characters."))
    try:
        found = certificate_files.parse_certificates(data, name, now)
    except OperatorError as error:
        told = visit.translate("The certificate was not taken: the file {reason}.", reason=error)
        return await _render_page(visit, 400, told)

    def change(connection: Connection) -> None:
        for one in found:
            trusted_certificates.add_certificate(connection, one, now)
            audit.add(
                connection,
                visit.build_audit_entry(AuditAction.CERTIFICATE_ADDED, f"{one.name} {one.sha256} {one.subject}"),
            )

    try:
        await visit.context.transaction(change)
    except OperatorError:
        return await _render_page(visit, 400, visit.translate("The name {name} is taken.", name=name))
    return visit.redirect("/console/settings")


async def remove_certificate(visit: ConsoleRequest) -> Response:
    """Trust a certificate no longer."""
    _require_operator(visit)
    name = visit.form.get("name", "")

    def change(connection: Connection) -> None:
        trusted_certificates.remove_certificate(connection, name)
        audit.add(connection, visit.build_audit_entry(AuditAction.CERTIFICATE_REMOVED, name))

    try:
        await visit.context.transaction(change)
    except OperatorError:
        raise NotFound from None
    return visit.redirect("/console/settings")


def _require_operator(visit: ConsoleRequest) -> None:
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound


async def _render_page(visit: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    trusted = await visit.context.query(trusted_certificates.list_certificates)
    return visit.render_page(
        "settings.html",
        status,
        problem=problem,
        settings=_list_settings(visit.context.settings),
        certificates=trusted,
        now=visit.context.now(),
        database="SQLite" if visit.context.database.is_sqlite else "PostgreSQL",
        python=platform.python_version(),
    )


def _list_settings(settings: Settings) -> list[SettingView]:
    """The settings; a secret one is told only to be there."""
    found = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        said = text if field.repr or not text else "•••"
        is_set = name in settings.model_fields_set
        found.append(
            SettingView(name=PREFIX + name.upper(), value=said, is_set=is_set, description=field.description or "")
        )
    return found

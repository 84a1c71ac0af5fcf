"""Settings for operators: every value with its source, and the certificates that callbacks trust."""

import platform
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import certificate_files, trusted_certificates
from ccfs.db.system.console import audit
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.settings import PREFIX, Settings
from ccfs.web.responses.types import BytesResponse, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting."""

    name: str
    value: str
    is_set: bool  # by the environment or an option; else it has its default
    description: str


async def show_settings(request: ConsoleRequest) -> Response:
    """Show settings and certificates. Only certificates can be changed here."""
    return await _render_page(request)


async def add_certificate(request: ConsoleRequest) -> Response:
    """Trust the certificates of a PEM or DER file from the next callback on."""
    context, now = request.context, request.context.now()
    name, data = request.form.get("name", "").strip(), request.files.get("file", b"")
    if not is_valid_name(name):
        return await _render_page(request, 400, request.translate("The name must have 1 to 64 characters."), "name")
    try:
        certificates = certificate_files.parse_certificates(data, name, now)
    except OperatorError as error:
        problem = request.translate("Certificate not added: the file {reason}.", reason=error)
        return await _render_page(request, 400, problem, "file")

    def change(connection: Connection) -> None:
        for certificate in certificates:
            trusted_certificates.add_certificate(connection, certificate, now)
            target = f"{certificate.name} {certificate.sha256} {certificate.subject}"
            audit.add(connection, request.build_audit_entry(AuditAction.CERTIFICATE_ADDED, target))

    try:
        await context.transaction(change)
    except OperatorError:
        problem = request.translate("The name {name} is already in use.", name=name)
        return await _render_page(request, 400, problem, "name")
    return request.redirect("/console/settings")


async def remove_certificate(request: ConsoleRequest) -> Response:
    """Stop trusting a certificate."""
    name = request.form.get("name", "")

    def change(connection: Connection) -> None:
        trusted_certificates.remove_certificate(connection, name)
        audit.add(connection, request.build_audit_entry(AuditAction.CERTIFICATE_REMOVED, name))

    try:
        await request.context.transaction(change)
    except OperatorError:
        raise NotFound from None
    return request.redirect("/console/settings")


async def _render_page(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    context = request.context
    return request.render_page(
        "settings.html",
        status,
        problem,
        field,
        settings=_list_settings(context.settings),
        certificates=await context.query(trusted_certificates.list_certificates),
        now=context.now(),
        database="SQLite" if context.database.is_sqlite else "PostgreSQL",
        python=platform.python_version(),
    )


def _list_settings(settings: Settings) -> list[SettingView]:
    """Return every setting; for a secret, only whether it has a value."""
    return [
        SettingView(
            name=PREFIX + name.upper(),
            value=_format_value(getattr(settings, name), is_secret=not field.repr),
            is_set=name in settings.model_fields_set,
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _format_value(value: Any, *, is_secret: bool) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return "•••" if text and is_secret else text

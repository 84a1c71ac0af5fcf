"""Trusted certificates of callback receivers: adding them from certificate files and key stores, and removing them."""

import asyncio
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.admin.settings import show_settings
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.certificates import certificate_files, key_store_import, trusted_certificates
from ccfs.db.system.certificates.key_store_import import KeyStoreImport
from ccfs.db.system.console import audit
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.web.responses.types import Response

MAX_KEY_STORE_BYTES: Final = 2 << 20  # the JDK's own key store has 0.2 MB


async def add_certificate(request: ConsoleRequest) -> Response:
    """Trust the certificates of a PEM or DER file from the next callback on."""
    context, now = request.context, request.context.now()
    name, data = request.form.get("name", "").strip(), request.files.get("file", b"")
    if not is_valid_name(name):
        return await show_settings(request, 400, request.translate("The name must have 1 to 64 characters."), "name")
    try:
        certificates = certificate_files.parse_certificates(data, name, now)
    except OperatorError as error:
        problem = request.translate("Certificate not added: the file {reason}.", reason=error)
        return await show_settings(request, 400, problem, "file")

    def change(connection: Connection) -> None:
        for certificate in certificates:
            trusted_certificates.add_certificate(connection, certificate, now)
            target = f"{certificate.name} {certificate.sha256} {certificate.subject}"
            audit.add(connection, request.build_audit_entry(AuditAction.CERTIFICATE_ADDED, target))

    try:
        await context.transaction(change)
    except OperatorError:
        return await show_settings(
            request, 400, request.translate("The name {name} is already in use.", name=name), "name"
        )
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


async def import_key_store(request: ConsoleRequest) -> Response:
    """Trust the certificates of a key store, JKS, JCEKS or PKCS#12, from the next callback on. Its keys are ignored."""
    data, password = request.files.get("file", b""), request.form.get("store_password") or None
    if len(data) > MAX_KEY_STORE_BYTES:
        return await show_settings(
            request, 400, request.translate("Key store not imported: it is larger than 2 MB."), "file"
        )
    try:
        certificates = await asyncio.to_thread(key_store_import.read_certificates, data, password)
    except OperatorError as error:
        problem = request.translate("Key store not imported: {reason}.", reason=error)
        return await show_settings(request, 400, problem, "file")
    now = request.context.now()

    def change(connection: Connection) -> KeyStoreImport:
        result = key_store_import.add_all(connection, certificates, now)
        for certificate in result.added:
            target = f"{certificate.name} {certificate.sha256} {certificate.subject}"
            audit.add(connection, request.build_audit_entry(AuditAction.CERTIFICATE_ADDED, target))
        return result

    result = await request.context.transaction(change)
    return request.redirect("/console/settings", added=str(len(result.added)), skipped=str(len(result.skipped)))

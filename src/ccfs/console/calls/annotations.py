"""Marks at moments of a recording: whoever may listen adds them, takes one's own away, an administrator any."""

from sqlalchemy.engine import Connection

from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system import audit
from ccfs.db.tenant import annotations
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.annotation import MAX_TEXT_LENGTH, clean_text, format_offset, parse_offset
from ccfs.model.recordings.recording import Recording
from ccfs.web.responses.types import Response


async def add_annotation(visit: ConsoleRequest) -> Response:
    """A mark, then the call's page."""
    place, recording = await visit.get_recording(Permission.LISTEN)
    at, text = parse_offset(visit.form.get("offset", "")), clean_text(visit.form.get("text", ""))
    if at is None:
        return _render_error(visit, visit.translate("Say the moment as minutes and seconds, such as 1:30."))
    if text is None:
        return _render_error(visit, visit.translate("A mark has 1 to {most} characters.", most=MAX_TEXT_LENGTH))
    entry = visit.build_audit_entry(AuditAction.ANNOTATION_ADDED, f"{recording.file_name} {format_offset(at)}", place)

    def change(connection: Connection) -> bool:
        audit.add(connection, entry)
        return annotations.add(connection, place.app, recording, at, text, visit.current_user.name, visit.context.now())

    if not await visit.context.transaction(change):
        return _render_error(visit, visit.translate("This recording has too many marks."))
    return _redirect_to_call(visit, place, recording)


async def delete_annotation(visit: ConsoleRequest) -> Response:
    """A mark goes. What is somebody else's is not there, but for an administrator of the account."""
    place, recording = await visit.get_recording(Permission.LISTEN)
    asked = visit.form.get("annotation", "")
    if not asked.isdecimal() or len(asked) > 18:
        raise NotFound
    may_all = visit.current_user.has_permission(Permission.ADMINISTER, place.app.id, place.account.account_id)
    whose = None if may_all else visit.current_user.name

    def change(connection: Connection) -> bool:
        gone = annotations.delete(connection, place.app, recording, int(asked), whose)
        if gone:
            told = f"{recording.file_name} {format_offset(gone.offset_ms)} of {gone.author}"
            audit.add(connection, visit.build_audit_entry(AuditAction.ANNOTATION_DELETED, told, place))
        return gone is not None

    if not await visit.context.transaction(change):
        raise NotFound
    return _redirect_to_call(visit, place, recording)


def _redirect_to_call(visit: ConsoleRequest, place: AccountScope, recording: Recording) -> Response:
    return visit.redirect("/console/call", account=place.name, id=recording.call_id)


def _render_error(visit: ConsoleRequest, reason: str) -> Response:
    return visit.render_page("error.html", 400, kind="error", reason=reason)

"""Annotations at moments of a recording. Users delete their own, administrators of the account any."""

from dataclasses import replace

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import annotations
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.annotation import MAX_TEXT_LENGTH, clean_text, format_offset, parse_offset
from ccfs.model.recordings.recording import Recording
from ccfs.web.responses.types import Response


async def add_annotation(request: ConsoleRequest) -> Response:
    """Add an annotation, then show the call."""
    scope, recording = request.current_scope, await request.get_recording()
    offset_ms, text = parse_offset(request.form.get("offset", "")), clean_text(request.form.get("text", ""))
    if offset_ms is None:
        problem = request.translate("Enter a position in minutes and seconds, such as 1:30.")
        return request.render_error("error", 400, problem)
    if text is None:
        problem = request.translate("An annotation must have 1 to {most} characters.", most=MAX_TEXT_LENGTH)
        return request.render_error("error", 400, problem)
    target, author = f"{recording.file_name} {format_offset(offset_ms)}", request.current_user.name
    entry, now = request.build_audit_entry(AuditAction.ANNOTATION_ADDED, target, scope), request.context.now()
    entry = replace(entry, call_ids=(recording.call_id,))

    def change(connection: Connection) -> bool:
        audit.add(connection, entry)
        return annotations.add(connection, scope.app, recording, offset_ms, text, author, now)

    if not await request.context.transaction(change):
        return request.render_error(
            "error", 400, request.translate("This recording has the maximum number of annotations. Delete one first.")
        )
    return _redirect_to_call(request, recording)


async def delete_annotation(request: ConsoleRequest) -> Response:
    """Delete an annotation. One of another author does not exist, but for an administrator of the account."""
    scope, recording = request.current_scope, await request.get_recording()
    annotation_id = request.form.get("annotation", "")
    if not annotation_id.isdecimal() or len(annotation_id) > 18:
        raise NotFound
    author = None if request.has_permission_in(Permission.ADMINISTER, scope) else request.current_user.name

    def change(connection: Connection) -> bool:
        annotation = annotations.delete(connection, scope.app, recording, int(annotation_id), author)
        if annotation:
            target = f"{recording.file_name} {format_offset(annotation.offset_ms)} of {annotation.author}"
            entry = request.build_audit_entry(AuditAction.ANNOTATION_DELETED, target, scope)
            audit.add(connection, replace(entry, call_ids=(recording.call_id,)))
        return annotation is not None

    if not await request.context.transaction(change):
        raise NotFound
    return _redirect_to_call(request, recording)


def _redirect_to_call(request: ConsoleRequest, recording: Recording) -> Response:
    return request.redirect("/console/call", account=request.current_scope.name, id=recording.call_id)

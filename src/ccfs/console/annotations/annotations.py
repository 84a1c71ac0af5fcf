"""Annotations of a call's recordings. Users change and delete their own, administrators of the account any."""

from sqlalchemy.engine import Connection

from ccfs.console.annotations.annotation_form import FIELD_NAMES, AcceptedForm, parse_form
from ccfs.console.calls import call_page
from ccfs.console.calls.call_page import AnnotationFormState
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import annotations
from ccfs.db.tenant.annotations import AddResult
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import MAX_ID, parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.annotation import format_offset
from ccfs.model.recordings.recording import Recording
from ccfs.web.responses.types import Response


async def add_annotation(request: ConsoleRequest) -> Response:
    """Add an annotation, then show the call at it."""
    recording = await request.get_recording()
    accepted = await _read_form(request, recording)
    if not isinstance(accepted, AcceptedForm):
        return accepted
    scope, author, now = request.current_scope, request.current_user.name, request.context.now()
    own, draft = accepted.placed.recording, accepted.draft
    target = f"{own.file_name} {format_offset(draft.offset_ms)}"

    def change(connection: Connection) -> tuple[AddResult, int]:
        result = annotations.add(connection, scope.app, own, draft, author, now)
        if result[0] is AddResult.ADDED:
            entry = request.build_audit_entry(AuditAction.ANNOTATION_ADDED, target, scope, None, recording.call_id)
            audit.add(connection, entry)
        return result

    result, annotation_id = await request.context.transaction(change)
    if result is AddResult.FULL:
        reason = request.translate("This recording has the maximum number of annotations. Delete one first.")
        return await _reject(request, own, {"text": reason})
    return _redirect_to_call(request, own, annotation=str(annotation_id))


async def change_annotation(request: ConsoleRequest) -> Response:
    """Change an annotation. One of another author does not exist, but for an administrator of the account."""
    recording, annotation_id = await request.get_recording(), _get_annotation_id(request)
    accepted = await _read_form(request, recording, annotation_id)
    if not isinstance(accepted, AcceptedForm):
        return accepted
    if accepted.placed.recording.file_name != recording.file_name:  # an annotation stays with its recording
        reason = request.translate("Enter a position within the same recording, or add another annotation.")
        return await _reject(request, recording, {"offset": reason}, annotation_id)
    scope, author, now = request.current_scope, _get_allowed_author(request), request.context.now()

    def change(connection: Connection) -> bool:
        changed = annotations.change(connection, scope.app, recording, annotation_id, author, accepted.draft, now)
        if changed:
            target = f"{recording.file_name} {format_offset(changed.offset_ms)} of {changed.author}"
            entry = request.build_audit_entry(AuditAction.ANNOTATION_CHANGED, target, scope, None, recording.call_id)
            audit.add(connection, entry)
        return changed is not None

    if not await request.context.transaction(change):
        raise NotFound
    return _redirect_to_call(request, recording, annotation=str(annotation_id))


async def delete_annotation(request: ConsoleRequest) -> Response:
    """Delete an annotation. One of another author does not exist, but for an administrator of the account."""
    scope, recording, annotation_id = request.current_scope, await request.get_recording(), _get_annotation_id(request)
    author = _get_allowed_author(request)

    def change(connection: Connection) -> bool:
        annotation = annotations.delete(connection, scope.app, recording, annotation_id, author)
        if annotation:
            target = f"{recording.file_name} {format_offset(annotation.offset_ms)} of {annotation.author}"
            entry = request.build_audit_entry(AuditAction.ANNOTATION_DELETED, target, scope, None, recording.call_id)
            audit.add(connection, entry)
        return annotation is not None

    if not await request.context.transaction(change):
        raise NotFound
    return _redirect_to_call(request, recording)


async def _read_form(
    request: ConsoleRequest, recording: Recording, annotation_id: int | None = None
) -> AcceptedForm | Response:
    """Return what to store, or the call's page with the form, what was typed, and a sentence at each wrong field."""
    view = await call_page.load_call_view(request, recording.call_id)
    fields = {name: request.form.get(name, "") for name in FIELD_NAMES}
    preferred = request.form.get("recording") or recording.file_name  # the one that plays
    accepted = parse_form(fields, view.recordings, preferred, request.translate)
    if isinstance(accepted, AcceptedForm):
        return accepted
    return await _reject(request, recording, accepted, annotation_id)


async def _reject(
    request: ConsoleRequest, recording: Recording, problems: dict[str, str], annotation_id: int | None = None
) -> Response:
    view = await call_page.load_call_view(request, recording.call_id)
    fields = {name: request.form.get(name, "") for name in FIELD_NAMES}
    form = AnnotationFormState(annotation_id=annotation_id, fields=fields, problems=problems)
    return call_page.render_call(request, view, 400, form)


def _get_annotation_id(request: ConsoleRequest) -> int:
    annotation_id = parse_number(request.form.get("annotation", ""), MAX_ID)
    if annotation_id is None:
        raise NotFound
    return annotation_id


def _get_allowed_author(request: ConsoleRequest) -> str | None:
    """Return whose annotations the user may change; None: anyone's."""
    is_administrator = request.has_permission_in(Permission.ADMINISTER, request.current_scope)
    return None if is_administrator else request.current_user.name


def _redirect_to_call(request: ConsoleRequest, recording: Recording, **more: str) -> Response:
    return request.redirect("/console/call", account=request.current_scope.name, id=recording.call_id, **more)

"""Questions to users before an annotation or a bulk download is deleted."""

from urllib.parse import urlencode

from ccfs.console.forms.confirmation import Question
from ccfs.console.request import ConsoleRequest
from ccfs.db.tenant import annotations
from ccfs.model.errors import NotFound
from ccfs.model.recordings.annotation import format_offset


async def ask_delete_annotation(request: ConsoleRequest) -> Question:
    """Ask before an annotation is deleted, and show it."""
    t, scope, recording = request.translate, request.current_scope, await request.get_recording()
    known = await request.context.query(lambda c: annotations.list_by_recordings(c, scope.app, [recording]))
    text = request.form.get("annotation", "")
    annotation = next((item for item in known.get(recording.file_name, []) if str(item.id) == text), None)
    if annotation is None:
        raise NotFound
    call = urlencode({"account": scope.name, "id": recording.call_id})
    return Question(
        title=t("Delete the annotation at {time}?", time=format_offset(annotation.offset_ms)),
        consequences=(
            t("{author} wrote: {comment}", author=annotation.author, comment=annotation.text),
            t("It is deleted for all users. This cannot be undone."),
        ),
        action=t("Delete annotation"),
        cancel_path=f"/console/call?{call}",
    )


async def ask_delete_bulk_download(request: ConsoleRequest) -> Question:
    """Ask before a bulk download is deleted."""
    t = request.translate
    return Question(
        title=t("Delete this zip file?"),
        consequences=(
            t("It can no longer be downloaded, and a download in progress cannot be resumed."),
            t("The recordings are not deleted. You can request the zip file again."),
        ),
        action=t("Delete zip file"),
        cancel_path=request.url,
    )

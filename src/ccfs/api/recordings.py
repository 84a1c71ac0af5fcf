"""downloadRecordFile and downloadRecord: recordings by name or by call."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection

from ccfs.api import voice_files
from ccfs.db.tenant import recordings
from ccfs.model.errors import InvalidDate, NoData, NullParameter
from ccfs.model.formats.stored_zip import ZipMember
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import file_names
from ccfs.protocol.requests import DownloadRecord, DownloadRecordFile
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.build import build_recording_response, build_zip_response
from ccfs.web.responses.types import BlobResponse, Response

T = TypeVar("T")


async def download_record_file(
    context: WebContext, client: ApiClient, request: Request, body: DownloadRecordFile
) -> Response:
    """Return one recording by its index name or original name. The manual's own sample requests a voice message."""
    row = await _look_up_by_name(context, client, body.fileName, recordings.find_file_by_name)
    if row is None:
        name = file_names.canonicalise_name(body.fileName)
        return await voice_files.download_voice_message(context, client, name, None)
    file_name, blob = row
    context.usage.note_download(request, client.app, "downloadRecordFile", context.now(), name=file_name)
    return BlobResponse(blob=blob, name=_base_name(file_name))


async def download_record(context: WebContext, client: ApiClient, request: Request, body: DownloadRecord) -> Response:
    """Return one recording by original name, or those of a call: one as it is, several as a zip."""
    if body.fileName is None and body.callId is None:
        raise NullParameter("fileName")
    matches = await _list_by_call(context, client, body.callId) if body.fileName is None else []
    if body.fileName is not None:
        recording = await find_recording(context, client, body.fileName)
        matches = [recording] if recording and body.callId in (None, recording.call_id) else []
    matches = [recording for recording in matches if body.ccId in (None, recording.cc_id)]
    if not matches:
        raise NoData
    of_one = {"name": matches[0].file_name} if len(matches) == 1 else {"call_id": matches[0].call_id}
    context.usage.note_download(request, client.app, "downloadRecord", context.now(), **of_one)
    if len(matches) == 1:
        return build_recording_response(matches[0])
    members = [(recording.blob, _build_member(recording, number)) for number, recording in enumerate(matches, 1)]
    return build_zip_response(context.replicas, members, f"{matches[0].call_id}.zip")


async def find_recording(context: WebContext, client: ApiClient, name: str) -> Recording | None:
    """Return the client's recording of that name; raise InvalidDate if no recording can have the name."""
    return await _look_up_by_name(context, client, name, recordings.find_by_name)


async def _look_up_by_name(
    context: WebContext, client: ApiClient, name: str, query: Callable[[Connection, App, str], T | None]
) -> T | None:
    name = file_names.canonicalise_name(name)
    row = await context.look_up(lambda connection: query(connection, client.app, name))
    if row is None and file_names.has_invalid_date(name):
        raise InvalidDate
    return row


async def _list_by_call(context: WebContext, client: ApiClient, call_id: str | None) -> list[Recording]:
    return await context.query(lambda connection: recordings.list_by_call(connection, client.app, call_id or ""))


def _base_name(name: str) -> str:
    return name.rpartition("/")[2]


def _build_member(recording: Recording, number: int) -> ZipMember:
    """Return a member named in order of begin. Its time stamp is in UTC, because a zip has no zone."""
    blob = recording.blob
    name = f"{number}_{_base_name(recording.file_name)}"
    return ZipMember(name=name, size=blob.size, crc32=blob.crc32, modified=recording.call_begin)

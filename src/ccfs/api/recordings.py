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
    here: WebContext, caller: ApiClient, _request: Request, ask: DownloadRecordFile
) -> Response:
    """One recording by its index name or its original name; the manual's own sample asks for a voice message here."""
    found = await _look_up_by_name(here, caller, ask.fileName, recordings.find_file_by_name)
    if found is None:
        return await voice_files.download_voice_message(here, caller, file_names.canonicalise_name(ask.fileName), None)
    file_name, kept = found
    return BlobResponse(blob=kept, name=_base_name(file_name))


async def download_record(here: WebContext, caller: ApiClient, _request: Request, ask: DownloadRecord) -> Response:
    """One recording by original name, or all of a call: one as it is, several as a zip."""
    if ask.fileName is None and ask.callId is None:
        raise NullParameter("fileName")
    found = await _list_by_call(here, caller, ask.callId) if ask.fileName is None else []
    if ask.fileName is not None:
        recording = await find_recording(here, caller, ask.fileName)
        found = [recording] if recording and ask.callId in (None, recording.call_id) else []
    found = [recording for recording in found if ask.ccId in (None, recording.cc_id)]
    if not found:
        raise NoData
    if len(found) == 1:
        return build_recording_response(found[0])
    members = [(recording.blob, _build_member(recording, number)) for number, recording in enumerate(found, 1)]
    return build_zip_response(here.replicas, members, f"{found[0].call_id}.zip")


async def find_recording(here: WebContext, caller: ApiClient, name: str) -> Recording | None:
    """The caller's recording of that name; raises WrongDate where no recording can have it."""
    return await _look_up_by_name(here, caller, name, recordings.find_by_name)


async def _look_up_by_name(
    here: WebContext, caller: ApiClient, name: str, question: Callable[[Connection, App, str], T | None]
) -> T | None:
    name = file_names.canonicalise_name(name)
    found = await here.query(lambda connection: question(connection, caller.app, name))
    if found is None and file_names.has_invalid_date(name):
        raise InvalidDate
    return found


async def _list_by_call(here: WebContext, caller: ApiClient, call_id: str | None) -> list[Recording]:
    return await here.query(lambda connection: recordings.list_by_call(connection, caller.app, call_id or ""))


def _base_name(name: str) -> str:
    return name.rpartition("/")[2]


def _build_member(recording: Recording, number: int) -> ZipMember:
    """A member named in order of begin; its time stamp is in UTC, for a zip has no zone."""
    kept = recording.blob
    name = f"{number}_{_base_name(recording.file_name)}"
    return ZipMember(name=name, size=kept.size, crc32=kept.crc32, modified=recording.call_begin)

"""downloadRecordFile and downloadRecord: recordings by name or by call."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection

from ccfs.model.errors import NoData, NullParameter, WrongDate
from ccfs.model.recording import Recording
from ccfs.model.stored_zip import Member
from ccfs.model.tenancy import App
from ccfs.store import recordings
from ccfs.web import ivr
from ccfs.web.answers import Answer, KeptFile, zip_of
from ccfs.web.here import Caller, Here
from ccfs.web.request import Request
from ccfs.wire import names
from ccfs.wire.asks import DownloadRecord, DownloadRecordFile

T = TypeVar("T")


async def download_record_file(here: Here, caller: Caller, _request: Request, ask: DownloadRecordFile) -> Answer:
    """One recording by its index name or its original name; the manual's own sample asks for a voice message here."""
    found = await _find(here, caller, ask.fileName, recordings.file_by_name)
    if found is None:
        return await ivr.message(here, caller, names.canonical(ask.fileName), None)
    file_name, kept = found
    return KeptFile(kept=kept, name=_last(file_name))


async def download_record(here: Here, caller: Caller, _request: Request, ask: DownloadRecord) -> Answer:
    """One recording by original name, or all of a call: one as it is, several as a zip."""
    if ask.fileName is None and ask.callId is None:
        raise NullParameter("fileName")
    found = await _by_call(here, caller, ask.callId) if ask.fileName is None else []
    if ask.fileName is not None:
        recording = await find(here, caller, ask.fileName)
        found = [recording] if recording and ask.callId in (None, recording.call_id) else []
    found = [recording for recording in found if ask.ccId in (None, recording.cc_id)]
    if not found:
        raise NoData
    if len(found) == 1:
        return file_of(found[0])
    members = [(recording.kept, _member(recording, number)) for number, recording in enumerate(found, 1)]
    return zip_of(members, f"{found[0].call_id}.zip")


async def find(here: Here, caller: Caller, name: str) -> Recording | None:
    """The caller's recording of that name; raises WrongDate where no recording can have it."""
    return await _find(here, caller, name, recordings.by_name)


async def _find(
    here: Here, caller: Caller, name: str, question: Callable[[Connection, App, str], T | None]
) -> T | None:
    name = names.canonical(name)
    found = await here.ask(lambda connection: question(connection, caller.app, name))
    if found is None and names.date_is_wrong(name):
        raise WrongDate
    return found


async def _by_call(here: Here, caller: Caller, call_id: str | None) -> list[Recording]:
    return await here.ask(lambda connection: recordings.by_call(connection, caller.app, call_id or ""))


def file_of(recording: Recording) -> KeptFile:
    """The recording's bytes, to be saved under the last part of its index name."""
    return KeptFile(kept=recording.kept, name=_last(recording.file_name))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _member(recording: Recording, number: int) -> Member:
    """A member named in order of begin; its time stamp is in UTC, for a zip has no zone."""
    kept = recording.kept
    name = f"{number}_{_last(recording.file_name)}"
    return Member(name=name, size=kept.size, crc32=kept.crc32, modified=recording.call_begin)

"""Voice files: messages, intelligent-IVR recordings, and what third parties upload, fetch, hash and delete."""

import asyncio
import base64
import binascii
import hashlib
import secrets
import string
from pathlib import PurePosixPath

from ccfs.model.errors import (
    NoFile,
    NotUploadAudio,
    PathNotAllowed,
    SeveralFiles,
    TooLarge,
    Unavailable,
    WrongFormat,
)
from ccfs.model.voice_file import VoiceFile
from ccfs.model.wav import NotWav, check_upload
from ccfs.store import voice_files
from ccfs.store.locations.port import Gone
from ccfs.web.answers import Answer, KeptFile, Plain
from ccfs.web.here import Caller, Here
from ccfs.web.request import Request
from ccfs.wire import asks, envelope, names

FOLDER_MODE = 1
_ALPHANUMERICS = string.ascii_letters + string.digits


async def download_ivr_record_file(
    here: Here, caller: Caller, request: Request, ask: asks.DownloadIVRRecordFile
) -> Answer:
    """A voice message by name."""
    location = asks.integer(request.pairs, "locationId", required=False)
    return await message(here, caller, names.canonical(ask.fileName), location)


async def message(here: Here, caller: Caller, name: str, location: int | None) -> Answer:
    """The voice message of that name; raises NoFile."""
    vdn = names.vdn_of_ivr_message(name, here.settings.ivr_message_folder)
    return _file_of(await _find(here, caller, name, vdn, location))


async def download_oiap_record(here: Here, caller: Caller, request: Request, ask: asks.DownloadOiapRecord) -> Answer:
    """A recording of the intelligent IVR by name."""
    name = names.canonical(ask.fileName)
    location = asks.integer(request.pairs, "locationId", required=False)
    return _file_of(await _find(here, caller, name, names.vdn_of_oiap_record(name), location))


async def download_file(here: Here, caller: Caller, _request: Request, ask: asks.IvrDownloadFile) -> Answer:
    """A voice file by path, or the only one of a folder; both must match the download path rule."""
    name = names.canonical(ask.filePath)
    vdn = names.vdn_by_rules(name, here.settings.download_path_rule)
    if vdn is None:
        raise PathNotAllowed("filePath")
    if ask.mode != FOLDER_MODE:
        return _file_of(await _find(here, caller, name, vdn, None))
    found = await here.ask(lambda connection: voice_files.in_folder(connection, caller.app, name))
    if not caller.owns_vdn(vdn) or len(found) != 1:
        raise SeveralFiles
    return _file_of(found[0])


async def upload_file(here: Here, caller: Caller, request: Request, ask: asks.IvrUploadFile) -> Answer:
    """Keep a voice file; its new name and the locations that have it."""
    vdn_id = asks.integer(request.pairs, "vdnId", required=True)
    if not caller.owns_vdn(vdn_id):
        raise NoFile
    assert vdn_id is not None
    data = await asyncio.to_thread(_audio, ask.data, here.settings.upload_limit_mb << 20)
    now = here.now()
    random8 = "".join(secrets.choice(_ALPHANUMERICS) for _ in range(8))
    name = names.upload_name(here.settings.upload_path_rule, vdn_id, random8, int(now.timestamp() * 1000))
    key = f"{caller.app.id}/voice/{now:%Y%m%d}/{secrets.token_hex(16)}.wav"
    try:
        kept = await asyncio.to_thread(here.home.keep, key, [data])
    except OSError as error:
        raise Unavailable from error
    file = VoiceFile(vdn_id=vdn_id, file_name=name, kept=kept, created_at=now)
    await here.tell(lambda connection: voice_files.add(connection, caller.app, file))
    answer = {"fileName": name, "locationId": [kept.location_id]}
    return Plain(body=envelope.success(answer, mirror=False))


async def get_file_hash(here: Here, caller: Caller, _request: Request, ask: asks.IvrFile) -> Answer:
    """The hash of an uploaded file. The manual names neither field nor algorithm; see wire/README.md."""
    file = await _uploaded(here, caller, ask)
    algorithm = here.settings.file_hash
    digest = file.kept.sha256 if algorithm == "sha256" else await asyncio.to_thread(_hash, here, file, algorithm)
    answer = {"fileHash": digest, "hash": digest, "algorithm": algorithm}
    return Plain(body=envelope.success(answer, mirror=False))


async def delete_file(here: Here, caller: Caller, _request: Request, ask: asks.IvrFile) -> Answer:
    """Delete an uploaded file. Once answered it is never served again; its bytes go right after the row's mark."""
    file = await _uploaded(here, caller, ask)
    now = here.now()
    if not await here.tell(lambda connection: voice_files.mark_deleted(connection, caller.app, file, now)):
        raise NoFile
    try:
        await asyncio.to_thread(here.locations[file.kept.location_id].remove, file.kept.key)
        await here.tell(lambda connection: voice_files.forget(connection, caller.app, file))
    except (KeyError, OSError, Unavailable):
        pass  # the mark stands: the work loop tries again until the bytes are gone
    return Plain(body=envelope.success("", mirror=False, text="operate success"))


async def _find(here: Here, caller: Caller, name: str, vdn: int | None, location: int | None) -> VoiceFile:
    """The caller's voice file; NoFile alike for absent, foreign, of another shape, or not at that location."""
    if not caller.owns_vdn(vdn):
        raise NoFile
    file = await here.ask(lambda connection: voice_files.by_name(connection, caller.app, name))
    if file is None or not file.is_known_at(location):
        raise NoFile
    return file


async def _uploaded(here: Here, caller: Caller, ask: asks.IvrFile) -> VoiceFile:
    name = names.canonical(ask.fileName)
    vdn = names.vdn_by_rules(name, here.settings.upload_path_rule)
    if vdn is None:
        raise PathNotAllowed("fileName")
    location = asks.integer({"locationId": ask.locationId or ""}, "locationId", required=False)
    return await _find(here, caller, name, vdn, location)


def _audio(data: str, limit: int) -> bytes:
    """The WAV in the base64 text; raises TooLarge, WrongFormat or NotUploadAudio."""
    data = "".join(data.split())
    if len(data) * 3 // 4 > limit + 2:
        raise TooLarge(f"{limit >> 20} MB")
    try:
        audio = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise WrongFormat("data") from None
    if len(audio) > limit:
        raise TooLarge(f"{limit >> 20} MB")
    try:
        check_upload(audio)
    except NotWav as error:
        raise NotUploadAudio(str(error)) from None
    return audio


def _hash(here: Here, file: VoiceFile, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    try:
        kept = file.kept if here.elsewhere.can_be_had(file.kept) else here.elsewhere.find(file.kept) or file.kept
        for chunk in here.locations[kept.location_id].read(kept.key):
            digest.update(chunk)
    except (KeyError, Gone, OSError) as error:
        raise Unavailable from error
    return digest.hexdigest()


def _file_of(file: VoiceFile) -> KeptFile:
    return KeptFile(kept=file.kept, name=PurePosixPath(file.file_name).name)

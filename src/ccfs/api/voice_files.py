"""Voice files: messages, intelligent-IVR recordings, and what third parties upload, fetch, hash and delete."""

import asyncio
import base64
import binascii
import hashlib
import secrets
import string
from pathlib import PurePosixPath

from ccfs.db.tenant import voice_files
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import (
    FileUnavailable,
    InvalidFormat,
    InvalidUploadAudio,
    NoFile,
    NotExactlyOneFile,
    PathNotAllowed,
    RequestTooLarge,
)
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.model.recordings.wav import InvalidWav, check_upload
from ccfs.protocol import file_names, requests, responses
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BlobResponse, BytesResponse, Response

FOLDER_MODE = 1
_ALPHANUMERICS = string.ascii_letters + string.digits


async def download_ivr_record_file(
    here: WebContext, caller: ApiClient, request: Request, ask: requests.DownloadIVRRecordFile
) -> Response:
    """A voice message by name."""
    location = requests.parse_integer(request.query_params, "locationId", required=False)
    return await download_voice_message(here, caller, file_names.canonicalise_name(ask.fileName), location)


async def download_voice_message(here: WebContext, caller: ApiClient, name: str, location: int | None) -> Response:
    """The voice message of that name; raises NoFile."""
    vdn = file_names.parse_ivr_message_vdn(name, here.settings.ivr_message_folder)
    return _build_voice_file_response(await _find_voice_file(here, caller, name, vdn, location))


async def download_oiap_record(
    here: WebContext, caller: ApiClient, request: Request, ask: requests.DownloadOiapRecord
) -> Response:
    """A recording of the intelligent IVR by name."""
    name = file_names.canonicalise_name(ask.fileName)
    location = requests.parse_integer(request.query_params, "locationId", required=False)
    return _build_voice_file_response(
        await _find_voice_file(here, caller, name, file_names.parse_oiap_record_vdn(name), location)
    )


async def download_file(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.IvrDownloadFile
) -> Response:
    """A voice file by path, or the only one of a folder; both must match the download path rule."""
    name = file_names.canonicalise_name(ask.filePath)
    vdn = file_names.vdn_from_path_rules(name, here.settings.download_path_rule)
    if vdn is None:
        raise PathNotAllowed("filePath")
    if ask.mode != FOLDER_MODE:
        return _build_voice_file_response(await _find_voice_file(here, caller, name, vdn, None))
    found = await here.query(lambda connection: voice_files.find_in_folder(connection, caller.app, name))
    if not caller.owns_vdn(vdn) or len(found) != 1:
        raise NotExactlyOneFile
    return _build_voice_file_response(found[0])


async def upload_file(here: WebContext, caller: ApiClient, request: Request, ask: requests.IvrUploadFile) -> Response:
    """Keep a voice file; its new name and the locations that have it."""
    vdn_id = requests.parse_integer(request.query_params, "vdnId", required=True)
    if not caller.owns_vdn(vdn_id):
        raise NoFile
    assert vdn_id is not None
    data = await asyncio.to_thread(_decode_upload, ask.data, here.settings.upload_limit_mb << 20)
    now = here.now()
    random8 = "".join(secrets.choice(_ALPHANUMERICS) for _ in range(8))
    name = file_names.build_upload_name(here.settings.upload_path_rule, vdn_id, random8, int(now.timestamp() * 1000))
    key = f"{caller.app.id}/voice/{now:%Y%m%d}/{secrets.token_hex(16)}.wav"
    try:
        kept = await asyncio.to_thread(here.primary_location.write, key, [data])
    except OSError as error:
        raise FileUnavailable from error
    file = VoiceFile(vdn_id=vdn_id, file_name=name, blob=kept, created_at=now)
    await here.transaction(lambda connection: voice_files.add(connection, caller.app, file))
    answer = {"fileName": name, "locationId": [kept.location_id]}
    return BytesResponse(body=responses.build_success(answer, mirror=False))


async def get_file_hash(here: WebContext, caller: ApiClient, _request: Request, ask: requests.IvrFile) -> Response:
    """The hash of an uploaded file. The manual names neither field nor algorithm; see wire/README.md."""
    file = await _find_uploaded_file(here, caller, ask)
    algorithm = here.settings.file_hash
    digest = file.blob.sha256 if algorithm == "sha256" else await asyncio.to_thread(_hash_blob, here, file, algorithm)
    answer = {"fileHash": digest, "hash": digest, "algorithm": algorithm}
    return BytesResponse(body=responses.build_success(answer, mirror=False))


async def delete_file(here: WebContext, caller: ApiClient, _request: Request, ask: requests.IvrFile) -> Response:
    """Delete an uploaded file. Once answered it is never served again; its bytes go right after the row's mark."""
    file = await _find_uploaded_file(here, caller, ask)
    now = here.now()
    if not await here.transaction(lambda connection: voice_files.mark_deleted(connection, caller.app, file, now)):
        raise NoFile
    try:
        await asyncio.to_thread(here.locations[file.blob.location_id].delete, file.blob.key)
        await here.transaction(lambda connection: voice_files.delete_row(connection, caller.app, file))
    except (KeyError, OSError, FileUnavailable):
        pass  # the mark stands: the work loop tries again until the bytes are gone
    return BytesResponse(body=responses.build_success("", mirror=False, text="operate success"))


async def _find_voice_file(
    here: WebContext, caller: ApiClient, name: str, vdn: int | None, location: int | None
) -> VoiceFile:
    """The caller's voice file; NoFile alike for absent, foreign, of another shape, or not at that location."""
    if not caller.owns_vdn(vdn):
        raise NoFile
    file = await here.query(lambda connection: voice_files.find_by_name(connection, caller.app, name))
    if file is None or not file.matches_location(location):
        raise NoFile
    return file


async def _find_uploaded_file(here: WebContext, caller: ApiClient, ask: requests.IvrFile) -> VoiceFile:
    name = file_names.canonicalise_name(ask.fileName)
    vdn = file_names.vdn_from_path_rules(name, here.settings.upload_path_rule)
    if vdn is None:
        raise PathNotAllowed("fileName")
    location = requests.parse_integer({"locationId": ask.locationId or ""}, "locationId", required=False)
    return await _find_voice_file(here, caller, name, vdn, location)


def _decode_upload(data: str, limit: int) -> bytes:
    """The WAV in the base64 text; raises TooLarge, WrongFormat or NotUploadAudio."""
    data = "".join(data.split())
    if len(data) * 3 // 4 > limit + 2:
        raise RequestTooLarge(f"{limit >> 20} MB")
    try:
        audio = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidFormat("data") from None
    if len(audio) > limit:
        raise RequestTooLarge(f"{limit >> 20} MB")
    try:
        check_upload(audio)
    except InvalidWav as error:
        raise InvalidUploadAudio(str(error)) from None
    return audio


def _hash_blob(here: WebContext, file: VoiceFile, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    try:
        kept = file.blob if here.replicas.is_available(file.blob) else here.replicas.find(file.blob) or file.blob
        for chunk in here.locations[kept.location_id].read(kept.key):
            digest.update(chunk)
    except (KeyError, BlobNotFound, OSError) as error:
        raise FileUnavailable from error
    return digest.hexdigest()


def _build_voice_file_response(file: VoiceFile) -> BlobResponse:
    return BlobResponse(blob=file.blob, name=PurePosixPath(file.file_name).name)

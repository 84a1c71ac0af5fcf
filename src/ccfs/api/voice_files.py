"""Voice files: voice messages, intelligent-IVR recordings, and files that third parties upload, download, hash and delete."""

import asyncio
import base64
import binascii
import hashlib
import secrets
import string
from datetime import timedelta
from pathlib import PurePosixPath

from sqlalchemy.engine import Connection

from ccfs.db.system.jobs import blob_moves
from ccfs.db.tenant import voice_files
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.orphan import BlobOwnerTable
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
UPLOAD_LEASE = timedelta(hours=1)  # for which bytes without a row are kept
_ALPHANUMERICS = string.ascii_letters + string.digits


async def download_ivr_record_file(
    context: WebContext, client: ApiClient, request: Request, body: requests.DownloadIVRRecordFile
) -> Response:
    """Return a voice message by name."""
    location = requests.parse_integer(request.query_params, "locationId", required=False)
    return await download_voice_message(context, client, file_names.canonicalise_name(body.fileName), location)


async def download_voice_message(context: WebContext, client: ApiClient, name: str, location: int | None) -> Response:
    """Return the voice message of that name; raise NoFile."""
    vdn = file_names.parse_ivr_message_vdn(name, context.settings.ivr_message_folder)
    return _build_voice_file_response(await _find_voice_file(context, client, name, vdn, location))


async def download_oiap_record(
    context: WebContext, client: ApiClient, request: Request, body: requests.DownloadOiapRecord
) -> Response:
    """Return a recording of the intelligent IVR by name."""
    name = file_names.canonicalise_name(body.fileName)
    location = requests.parse_integer(request.query_params, "locationId", required=False)
    return _build_voice_file_response(
        await _find_voice_file(context, client, name, file_names.parse_oiap_record_vdn(name), location)
    )


async def download_file(
    context: WebContext, client: ApiClient, _request: Request, body: requests.IvrDownloadFile
) -> Response:
    """Return a voice file by path, or the only one in a folder. Either path must match the download path rule."""
    name = file_names.canonicalise_name(body.filePath)
    vdn = file_names.vdn_from_path_rules(name, context.settings.download_path_rule)
    if vdn is None:
        raise PathNotAllowed("filePath")
    if body.mode != FOLDER_MODE:
        return _build_voice_file_response(await _find_voice_file(context, client, name, vdn, None))
    files = await context.look_up(lambda connection: voice_files.find_in_folder(connection, client.app, name))
    if not client.owns_vdn(vdn) or len(files) != 1:
        raise NotExactlyOneFile
    return _build_voice_file_response(files[0])


async def upload_file(
    context: WebContext, client: ApiClient, request: Request, body: requests.IvrUploadFile
) -> Response:
    """Store a voice file; return its new name and the locations that have it."""
    vdn_id = requests.parse_integer(request.query_params, "vdnId", required=True)
    if not client.owns_vdn(vdn_id):
        raise NoFile
    assert vdn_id is not None
    audio = await asyncio.to_thread(_decode_upload, body.data, context.settings.upload_limit_mb << 20)
    now = context.now()
    random8 = "".join(secrets.choice(_ALPHANUMERICS) for _ in range(8))
    name = file_names.build_upload_name(context.settings.upload_path_rule, vdn_id, random8, int(now.timestamp() * 1000))
    key = f"{client.app.id}/voice/{now:%Y%m%d}/{secrets.token_hex(16)}.wav"
    location_id, until = context.primary_location.location_id, now + UPLOAD_LEASE
    app, table = client.app.id, BlobOwnerTable.VOICE_FILES
    await context.transaction(lambda c: blob_moves.reserve_key(c, app, location_id, key, table, until))
    try:
        blob = await asyncio.to_thread(context.primary_location.write, key, [audio])
    except OSError as error:
        raise FileUnavailable().about(location_id, key) from error
    file = VoiceFile(vdn_id=vdn_id, file_name=name, blob=blob, created_at=now)
    if not await context.transaction(lambda connection: _add_uploaded_file(connection, client, file)):
        raise FileUnavailable().about(location_id, key, "reservation_over")
    data = {"fileName": name, "locationId": [blob.location_id]}
    return BytesResponse(body=responses.build_success(data, legacy_response=False))


def _add_uploaded_file(connection: Connection, client: ApiClient, file: VoiceFile) -> bool:
    """Add the row of stored bytes. Return False if they may be deleted already, because storing them took too long."""
    if not blob_moves.use_reserved_key(connection, file.blob.location_id, file.blob.key):
        return False
    voice_files.add(connection, client.app, file)
    return True


async def get_file_hash(context: WebContext, client: ApiClient, _request: Request, body: requests.IvrFile) -> Response:
    """Return the hash of an uploaded file. The manual names neither field nor algorithm: see protocol/README.md."""
    file = await _find_uploaded_file(context, client, body)
    algorithm = context.settings.file_hash
    digest = (
        file.blob.sha256 if algorithm == "sha256" else await asyncio.to_thread(_hash_blob, context, file, algorithm)
    )
    data = {"fileHash": digest, "hash": digest, "algorithm": algorithm}
    return BytesResponse(body=responses.build_success(data, legacy_response=False))


async def delete_file(context: WebContext, client: ApiClient, _request: Request, body: requests.IvrFile) -> Response:
    """Delete an uploaded file. It is never served after the response; its bytes are deleted once its row is marked."""
    file = await _find_uploaded_file(context, client, body)
    now = context.now()
    if not await context.transaction(lambda connection: voice_files.mark_deleted(connection, client.app, file, now)):
        raise NoFile
    try:
        await asyncio.to_thread(context.locations[file.blob.location_id].delete, file.blob.key)
        await context.transaction(lambda connection: voice_files.delete_row(connection, client.app, file))
    except (KeyError, OSError, FileUnavailable):
        pass  # the row stays marked: a worker retries until the bytes are deleted
    return BytesResponse(body=responses.build_success("", legacy_response=False, text="operate success"))


async def _find_voice_file(
    context: WebContext, client: ApiClient, name: str, vdn: int | None, location: int | None
) -> VoiceFile:
    """Return the client's voice file; raise NoFile alike if it is absent, another app's, malformed, or not at that location."""
    if not client.owns_vdn(vdn):
        raise NoFile
    file = await context.look_up(lambda connection: voice_files.find_by_name(connection, client.app, name))
    if file is None or not file.matches_location(location):
        raise NoFile
    return file


async def _find_uploaded_file(context: WebContext, client: ApiClient, body: requests.IvrFile) -> VoiceFile:
    name = file_names.canonicalise_name(body.fileName)
    vdn = file_names.vdn_from_path_rules(name, context.settings.upload_path_rule)
    if vdn is None:
        raise PathNotAllowed("fileName")
    location = requests.parse_integer({"locationId": body.locationId or ""}, "locationId", required=False)
    return await _find_voice_file(context, client, name, vdn, location)


def _decode_upload(data: str, limit: int) -> bytes:
    """Return the WAV in the base64 text; raise RequestTooLarge, InvalidFormat or InvalidUploadAudio."""
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


def _hash_blob(context: WebContext, file: VoiceFile, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    try:
        for chunk in context.replicas.read(file.blob):
            digest.update(chunk)
    except (BlobNotFound, OSError) as error:
        raise FileUnavailable from error
    return digest.hexdigest()


def _build_voice_file_response(file: VoiceFile) -> BlobResponse:
    return BlobResponse(blob=file.blob, name=PurePosixPath(file.file_name).name)

"""requestPlayVoice and playVoice: a token that plays one recording for a while."""

import secrets
from datetime import timedelta

from ccfs.api.recordings import find_recording
from ccfs.db.system import play_tokens
from ccfs.model.errors import EmptyToken, InvalidToken, NoData
from ccfs.protocol import responses
from ccfs.protocol.requests import RequestPlayVoice
from ccfs.web.app_counters import RequestKind
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.build import build_recording_response
from ccfs.web.responses.types import BytesResponse, Response


async def request_play_voice(
    context: WebContext, client: ApiClient, _request: Request, body: RequestPlayVoice
) -> Response:
    """Return a token of 32 upper-case hex digits. It is reusable until it expires, because players send several requests."""
    recording = await find_recording(context, client, body.fileName)
    if recording is None:
        raise NoData
    token = secrets.token_hex(16).upper()
    expires_at = context.now() + timedelta(seconds=context.settings.play_token_seconds)
    await context.transaction(lambda connection: play_tokens.add(connection, client.app, token, recording, expires_at))
    return BytesResponse(body=responses.build_success({"token": token}, legacy_response=True))


async def play_voice(context: WebContext, request: Request) -> Response:
    """Return the recording of the token `st`. The request has no signature: the token authorises it."""
    token = request.query_params.get("st", "")
    if not token:
        raise EmptyToken
    now, lifetime = context.now(), timedelta(seconds=context.settings.play_token_seconds)
    resolved = await context.look_up(lambda connection: play_tokens.resolve(connection, token, now, lifetime))
    if resolved is None:
        raise InvalidToken
    app, recording = resolved
    snapshot = await context.get_tenant_snapshot()
    await context.flow_control.admit(request, app, snapshot, "playVoice", RequestKind.DOWNLOAD)
    context.usage.note_download(request, app, "playVoice", now, name=recording.file_name)
    return build_recording_response(recording)

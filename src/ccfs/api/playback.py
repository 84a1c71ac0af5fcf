"""requestPlayVoice and playVoice: a token that plays one recording for a while, and nothing else."""

import secrets
from datetime import timedelta

from ccfs.api.recordings import build_recording_response, find_recording
from ccfs.db.system import play_tokens
from ccfs.model.errors import EmptyToken, InvalidToken, NoData
from ccfs.protocol import responses
from ccfs.protocol.requests import RequestPlayVoice
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse, Response


async def request_play_voice(here: WebContext, caller: ApiClient, _request: Request, ask: RequestPlayVoice) -> Response:
    """A token of 32 upper-case hex digits; reusable until it expires, for players ask several times."""
    recording = await find_recording(here, caller, ask.fileName)
    if recording is None:
        raise NoData
    token = secrets.token_hex(16).upper()
    expires_at = here.now() + timedelta(seconds=here.settings.play_token_seconds)
    await here.transaction(lambda connection: play_tokens.add(connection, caller.app, token, recording, expires_at))
    return BytesResponse(body=responses.build_success({"token": token}, legacy_response=True))


async def play_voice(here: WebContext, request: Request) -> Response:
    """The recording that the token `st` plays. No signature: the token is the authority."""
    token = request.query_params.get("st", "")
    if not token:
        raise EmptyToken
    now = here.now()
    found = await here.query(lambda connection: play_tokens.resolve(connection, token, now))
    if found is None:
        raise InvalidToken
    return build_recording_response(found[1])

"""requestPlayVoice and playVoice: a token that plays one recording for a while, and nothing else."""

import secrets
from datetime import timedelta

from ccfs.model.errors import NoData, TokenEmpty, TokenInvalid
from ccfs.store import play_tokens
from ccfs.web.answers import Answer, Plain
from ccfs.web.here import Caller, Here
from ccfs.web.recordings import file_of, find
from ccfs.web.request import Request
from ccfs.wire import envelope
from ccfs.wire.asks import RequestPlayVoice


async def request_play_voice(here: Here, caller: Caller, _request: Request, ask: RequestPlayVoice) -> Answer:
    """A token of 32 upper-case hex digits; reusable until it expires, for players ask several times."""
    recording = await find(here, caller, ask.fileName)
    if recording is None:
        raise NoData
    token = secrets.token_hex(16).upper()
    expires_at = here.now() + timedelta(seconds=here.settings.play_token_seconds)
    await here.tell(lambda connection: play_tokens.add(connection, caller.app, token, recording, expires_at))
    return Plain(body=envelope.success({"token": token}, mirror=True))


async def play_voice(here: Here, request: Request) -> Answer:
    """The recording that the token `st` plays. No signature: the token is the authority."""
    token = request.pairs.get("st", "")
    if not token:
        raise TokenEmpty
    now = here.now()
    found = await here.ask(lambda connection: play_tokens.recording_of(connection, token, now))
    if found is None:
        raise TokenInvalid
    return file_of(found[1])

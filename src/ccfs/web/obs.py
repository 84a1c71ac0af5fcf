"""getRecordFileUrlFromObs: URLs that give a call's recordings for a while; and answering those that are our own."""

import asyncio
from zoneinfo import ZoneInfo

from ccfs.model.errors import NoData, Unavailable
from ccfs.model.recording import Kept, Recording
from ccfs.model.tenancy import App, asking_zone
from ccfs.model.window import Window
from ccfs.store import recordings
from ccfs.web.answers import Answer, Plain
from ccfs.web.files import Presigning
from ccfs.web.here import Caller, Here
from ccfs.web.period import period
from ccfs.web.recordings import file_of
from ccfs.web.request import Request
from ccfs.wire import envelope, signed_url
from ccfs.wire.asks import GetRecordFileUrlFromObs

DAYS = 3  # longest period (D0813)
UTC = ZoneInfo("UTC")


async def get_record_file_url_from_obs(
    here: Here, caller: Caller, request: Request, ask: GetRecordFileUrlFromObs
) -> Answer:
    """The URL of the call's one recording in the period, or the list of several, in order of begin and end."""
    found = await _recordings(here, caller, ask)
    urls = [await _url(here, caller, request, recording) for recording in found]
    if not urls:
        raise NoData
    return Plain(body=envelope.success({"url": urls if len(urls) > 1 else urls[0]}, mirror=False))


async def recording(here: Here, request: Request) -> Answer:
    """The recording that a URL of our own is good for. No signature of a caller: the URL is the authority."""
    named = signed_url.read(request.path, request.query, here.url_keys, here.now().timestamp())
    if named is None:
        return REFUSAL
    app = App(id=named[0], ak="", name="")  # that the app is this one, the URL vouches
    found = await here.ask(lambda connection: recordings.by_name(connection, app, named[1]))
    return file_of(found) if found else REFUSAL


REFUSAL = Plain(body=signed_url.REFUSAL, content_type=signed_url.REFUSAL_TYPE, status=403)


async def _recordings(here: Here, caller: Caller, ask: GetRecordFileUrlFromObs) -> list[Recording]:
    """Those that lie in the period whole; where none does, those that begin in it."""
    accounts = caller.picture.accounts.get(caller.app.id, {})
    usual = _window(ask, asking_zone(accounts, ""))  # raises before it is known whether the call is there
    windows = {name: _window(ask, account.zoneinfo) for name, account in accounts.items()}
    of_call = await here.ask(lambda connection: recordings.by_call(connection, caller.app, ask.callId))
    begun = [one for one in of_call if one.call_begin in windows.get(one.account_id, usual)]
    whole = [one for one in begun if one.call_end in windows.get(one.account_id, usual)]
    return sorted(whole or begun, key=lambda one: (one.call_begin, one.call_end))


def _window(ask: GetRecordFileUrlFromObs, zone: ZoneInfo) -> Window:
    """With a version times are in the account's zone, without one in UTC (D0813)."""
    return period(ask.beginTime, ask.endTime, zone if ask.version else UTC, days=DAYS)


async def _url(here: Here, caller: Caller, request: Request, recording: Recording) -> str:
    if presigned := await asyncio.to_thread(_presigned, here, recording.kept):
        return presigned
    expires = int(here.now().timestamp()) + here.settings.obs_url_seconds
    base = here.settings.public_url.rstrip("/") or request.origin(here.settings.trusted_proxies)
    return base + signed_url.make(caller.app.id, recording.file_name, expires, here.url_keys[0])


def _presigned(here: Here, kept: Kept) -> str | None:
    """A URL of the bytes' own store, which then need not pass through here; None where the store makes none."""
    try:
        location = here.locations.get(kept.location_id)
        if isinstance(location, Presigning):
            return location.presigned(kept.key, here.settings.obs_url_seconds)
    except OSError as error:
        raise Unavailable from error
    return None

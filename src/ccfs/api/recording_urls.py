"""getRecordFileUrlFromObs: URLs that give a call's recordings for a while; and answering those that are our own."""

import asyncio
from zoneinfo import ZoneInfo

from ccfs.api.recordings import build_recording_response
from ccfs.api.time_range import parse_time_range
from ccfs.db.tenant import recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FileUnavailable, NoData
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App, query_zone
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import responses, signed_url
from ccfs.protocol.requests import GetRecordFileUrlFromObs
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.blob_checks import SupportsPresign
from ccfs.web.responses.types import BytesResponse, Response

MAX_PERIOD_DAYS = 3  # longest period (D0813)
UTC = ZoneInfo("UTC")


async def get_record_file_url_from_obs(
    here: WebContext, caller: ApiClient, request: Request, ask: GetRecordFileUrlFromObs
) -> Response:
    """The URL of the call's one recording in the period, or the list of several, in order of begin and end."""
    found = await _find_recordings(here, caller, ask)
    urls = [await _build_url(here, caller, request, recording) for recording in found]
    if not urls:
        raise NoData
    return BytesResponse(
        body=responses.build_success({"url": urls if len(urls) > 1 else urls[0]}, legacy_response=False)
    )


async def download_by_signed_url(here: WebContext, request: Request) -> Response:
    """The recording that a URL of our own is good for. No signature of a caller: the URL is the authority."""
    named = signed_url.verify_signed_url(request.path, request.query, here.url_signing_keys, here.now().timestamp())
    if named is None:
        return FORBIDDEN_RESPONSE
    app = App(id=named[0], ak="", name="")  # that the app is this one, the URL vouches
    found = await here.query(lambda connection: recordings.find_by_name(connection, app, named[1]))
    return build_recording_response(found) if found else FORBIDDEN_RESPONSE


FORBIDDEN_RESPONSE = BytesResponse(
    body=signed_url.ACCESS_DENIED_BODY, content_type=signed_url.ACCESS_DENIED_TYPE, status=403
)


async def _find_recordings(here: WebContext, caller: ApiClient, ask: GetRecordFileUrlFromObs) -> list[Recording]:
    """Those that lie in the period whole; where none does, those that begin in it."""
    accounts = caller.tenants.accounts.get(caller.app.id, {})
    usual = _parse_window(ask, query_zone(accounts, ""))  # raises before it is known whether the call is there
    windows = {name: _parse_window(ask, account.zoneinfo) for name, account in accounts.items()}
    of_call = await here.query(lambda connection: recordings.list_by_call(connection, caller.app, ask.callId))
    begun = [one for one in of_call if one.call_begin in windows.get(one.account_id, usual)]
    whole = [one for one in begun if one.call_end in windows.get(one.account_id, usual)]
    return sorted(whole or begun, key=lambda one: (one.call_begin, one.call_end))


def _parse_window(ask: GetRecordFileUrlFromObs, zone: ZoneInfo) -> TimeWindow:
    """With a version times are in the account's zone, without one in UTC (D0813)."""
    return parse_time_range(ask.beginTime, ask.endTime, zone if ask.version else UTC, days=MAX_PERIOD_DAYS)


async def _build_url(here: WebContext, caller: ApiClient, request: Request, recording: Recording) -> str:
    if presigned := await asyncio.to_thread(_presign, here, recording.blob):
        return presigned
    expires = int(here.now().timestamp()) + here.settings.obs_url_seconds
    base = here.settings.public_url.rstrip("/") or request.get_origin(here.settings.trusted_proxies)
    return base + signed_url.build_signed_url(caller.app.id, recording.file_name, expires, here.url_signing_keys[0])


def _presign(here: WebContext, kept: BlobRef) -> str | None:
    """A URL of the bytes' own store, which then need not pass through here; None where the store makes none."""
    try:
        location = here.locations.get(kept.location_id)
        if isinstance(location, SupportsPresign):
            return location.presigned(kept.key, here.settings.obs_url_seconds)
    except OSError as error:
        raise FileUnavailable from error
    return None

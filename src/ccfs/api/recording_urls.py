"""getRecordFileUrlFromObs: URLs that open a call's recordings for a while, and downloads by URLs that ccfs signed."""

import asyncio
from zoneinfo import ZoneInfo

from ccfs.api.time_range import parse_time_range
from ccfs.db.tenant import recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import DownloadLimitReached, FileUnavailable, NoData
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App, query_zone
from ccfs.model.recordings.recording import Recording
from ccfs.protocol import responses, signed_url
from ccfs.protocol.requests import GetRecordFileUrlFromObs
from ccfs.web.app_counters import RequestKind
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.blob_checks import SupportsPresign
from ccfs.web.responses.build import build_recording_response
from ccfs.web.responses.types import BytesResponse, Response

MAX_PERIOD_DAYS = 3  # D0813
UTC = ZoneInfo("UTC")


async def get_record_file_url_from_obs(
    context: WebContext, client: ApiClient, request: Request, body: GetRecordFileUrlFromObs
) -> Response:
    """Return the URL of the call's one recording in the period, or a list of several by begin and end."""
    matches = await _find_recordings(context, client, body)
    urls = [await _build_url(context, client, request, recording) for recording in matches]
    if not urls:
        raise NoData
    return BytesResponse(
        body=responses.build_success({"url": urls if len(urls) > 1 else urls[0]}, legacy_response=False)
    )


async def download_by_signed_url(context: WebContext, request: Request) -> Response:
    """Return the recording of a URL that ccfs signed. The request has no other signature: the URL authorises it."""
    target = signed_url.verify_signed_url(
        request.path, request.query, context.url_signing_keys, context.now().timestamp()
    )
    if target is None:
        return FORBIDDEN_RESPONSE
    snapshot = await context.get_tenant_snapshot()
    app = App(id=target[0], ak="", name="")  # the URL's signature proves it
    try:
        await context.flow_control.admit(request, app, snapshot, "obs", RequestKind.DOWNLOAD)
    except DownloadLimitReached as error:
        return _build_slow_down_response(error)
    recording = await context.look_up(lambda connection: recordings.find_by_name(connection, app, target[1]))
    if recording is None:
        return FORBIDDEN_RESPONSE
    context.usage.note_download(request, app, "getRecordFileUrlFromObs", context.now(), name=recording.file_name)
    return build_recording_response(recording)


def _build_slow_down_response(error: DownloadLimitReached) -> BytesResponse:
    return BytesResponse(
        body=signed_url.SLOW_DOWN_BODY,
        content_type=signed_url.ACCESS_DENIED_TYPE,
        status=503,
        extra_headers=(("retry-after", str(error.retry_after)),),
    )


FORBIDDEN_RESPONSE = BytesResponse(
    body=signed_url.ACCESS_DENIED_BODY, content_type=signed_url.ACCESS_DENIED_TYPE, status=403
)


async def _find_recordings(context: WebContext, client: ApiClient, body: GetRecordFileUrlFromObs) -> list[Recording]:
    """Return the call's recordings that begin and end in the period, or, without any, those that begin in it."""
    accounts = client.tenants.accounts.get(client.app.id, {})
    default = _parse_window(body, query_zone(accounts, ""))  # raises whether or not the call exists
    windows = {name: _parse_window(body, account.zoneinfo) for name, account in accounts.items()}
    recordings_of_call = await context.query(
        lambda connection: recordings.list_by_call(connection, client.app, body.callId)
    )
    begun = [
        recording
        for recording in recordings_of_call
        if recording.call_begin in windows.get(recording.account_id, default)
    ]
    complete = [recording for recording in begun if recording.call_end in windows.get(recording.account_id, default)]
    return sorted(complete or begun, key=lambda recording: (recording.call_begin, recording.call_end))


def _parse_window(body: GetRecordFileUrlFromObs, zone: ZoneInfo) -> TimeWindow:
    """Parse the period: in the account's zone if the request has a version, else in UTC (D0813)."""
    return parse_time_range(body.beginTime, body.endTime, zone if body.version else UTC, days=MAX_PERIOD_DAYS)


async def _build_url(context: WebContext, client: ApiClient, request: Request, recording: Recording) -> str:
    if presigned := await asyncio.to_thread(_presign, context, recording.blob):
        return presigned
    expires = int(context.now().timestamp()) + context.settings.obs_url_seconds
    base = context.settings.public_url.rstrip("/") or request.get_origin(context.settings.trusted_proxies)
    return base + signed_url.build_signed_url(client.app.id, recording.file_name, expires, context.url_signing_keys[0])


def _presign(context: WebContext, blob: BlobRef) -> str | None:
    """Return a URL at the blob's own location, so that its bytes need not pass through ccfs; None if it cannot presign."""
    try:
        location = context.locations.get(blob.location_id)
        if isinstance(location, SupportsPresign):
            return location.presign(blob.key, context.settings.obs_url_seconds)
    except OSError as error:
        raise FileUnavailable from error
    return None

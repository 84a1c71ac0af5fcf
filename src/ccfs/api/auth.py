"""Who is asking: the signature proves an app, and an address that fails too often is locked. No operation lives here."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from ccfs.db.system.tenant_cache import TenantSnapshot
from ccfs.model.errors import AddressLocked, FileUnavailable, Unauthorised
from ccfs.protocol import signature
from ccfs.web import lockout
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request

VERIFY_IN_THREAD_BYTES = (
    1 << 17
)  # a body from here on is verified in a thread: it would hold up the others for a millisecond


async def authenticate_client(
    here: WebContext, picture: TenantSnapshot, request: Request, body: bytes, address: str
) -> ApiClient:
    """The caller that the signature proves; raises Unauthorised, and counts that against the address."""
    try:
        if len(body) < VERIFY_IN_THREAD_BYTES:
            return verify_client_signature(here, picture, request, body)
        return await asyncio.to_thread(verify_client_signature, here, picture, request, body)
    except Unauthorised as error:
        here.metrics.unauthorized_requests.labels(reason=error.param).inc()
        await _record_failure(here, address)
        raise


def raise_if_locked(here: WebContext, picture: TenantSnapshot, address: str) -> None:
    """Raises AddressLocked while the address is locked; its body is not even read."""
    if lockout.is_locked_out(here, picture, address):
        here.metrics.unauthorized_requests.labels(reason="locked").inc()
        raise AddressLocked


def verify_client_signature(here: WebContext, picture: TenantSnapshot, request: Request, body: bytes) -> ApiClient:
    """The caller, or Unauthorised with the reason: never told to the caller, counted and logged."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthorised("no signature")
    try:
        authorization = signature.parse_authorization(header)
        moment = signature.parse_timestamp(authorization.timestamp)
    except signature.MalformedAuthorization:
        raise Unauthorised("malformed") from None
    keys = picture.keys.get(authorization.ak, [])
    is_signed = _is_signature_valid(here, request, body, authorization, [key.sk for key in keys])
    skew = timedelta(seconds=here.settings.clock_skew_seconds)
    if skew and abs(here.now() - moment) > skew:
        raise Unauthorised("clock")
    if not keys:
        raise Unauthorised("unknown key")
    if not is_signed:
        raise Unauthorised("signature")
    return ApiClient(app=keys[0].app, tenants=picture)


def _is_signature_valid(
    here: WebContext, request: Request, body: bytes, authorization: signature.Authorization, sks: list[str]
) -> bool:
    """Whether it is signed for the host that was sent, or for a name that stands in for it."""
    for host in (None, *here.settings.host_aliases):
        headers = request.headers if host is None else {**request.headers, "host": host}
        asked = signature.SignedRequest(
            method=request.method, path=request.path, query=request.query, headers=headers, body=body
        )
        if signature.verify_request(authorization, asked, sks):
            return True
    return False


async def _record_failure(context: WebContext, address: str) -> None:
    if context.settings.lock_failures == 0:
        return
    with suppress(FileUnavailable):  # the request is rejected, whether or not its failure was counted
        await context.transaction(lambda connection: lockout.record_failure(context, connection, address))
        context.tenant_cache.invalidate()

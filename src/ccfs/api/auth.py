"""Authentication of API clients: the signature proves an app, and an address that fails too often is locked out."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from ccfs.db.system.tenant_cache import TenantSnapshot
from ccfs.model.errors import AddressLocked, FileUnavailable, Unauthorised
from ccfs.protocol import signature
from ccfs.web import lockout
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request

# Size from which on a body is verified in a thread: it would block other requests for a millisecond.
VERIFY_IN_THREAD_BYTES = 1 << 17


async def authenticate_client(
    context: WebContext, snapshot: TenantSnapshot, request: Request, body: bytes, address: str
) -> ApiClient:
    """Return the client that the signature proves; raise Unauthorised, and count the failure against the address."""
    try:
        if len(body) < VERIFY_IN_THREAD_BYTES:
            return verify_client_signature(context, snapshot, request, body)
        return await asyncio.to_thread(verify_client_signature, context, snapshot, request, body)
    except Unauthorised as error:
        context.metrics.unauthorized_requests.labels(reason=error.param).inc()
        context.recent_failures.record(address, context.now())
        await _record_failure(context, address)
        raise


def raise_if_locked(context: WebContext, snapshot: TenantSnapshot, address: str) -> None:
    """Raise AddressLocked while the address is locked out: its request is not even read."""
    if lockout.is_locked_out(context, snapshot, address) or context.recent_failures.is_locked(address, context.now()):
        context.metrics.unauthorized_requests.labels(reason="locked").inc()
        raise AddressLocked


def verify_client_signature(context: WebContext, snapshot: TenantSnapshot, request: Request, body: bytes) -> ApiClient:
    """Return the client, or raise Unauthorised with the reason, which is counted but never reported to the client."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthorised("no signature")
    try:
        authorization = signature.parse_authorization(header)
        timestamp = signature.parse_timestamp(authorization.timestamp)
    except signature.MalformedAuthorization:
        raise Unauthorised("malformed") from None
    keys = snapshot.keys.get(authorization.ak, [])
    is_signed = _is_signature_valid(context, request, body, authorization, [key.sk for key in keys], snapshot.max_keys)
    skew = timedelta(seconds=context.settings.clock_skew_seconds)
    if skew and abs(context.now() - timestamp) > skew:
        raise Unauthorised("clock")
    if not keys:
        raise Unauthorised("unknown key")
    if not is_signed:
        raise Unauthorised("signature")
    return ApiClient(app=keys[0].app, tenants=snapshot)


def _is_signature_valid(
    context: WebContext,
    request: Request,
    body: bytes,
    authorization: signature.Authorization,
    sks: list[str],
    max_keys: int,
) -> bool:
    """Return whether the request is signed for its Host header or for one of the configured aliases."""
    for host in (None, *context.settings.host_aliases):
        headers = request.headers if host is None else {**request.headers, "host": host}
        signed = signature.SignedRequest(
            method=request.method, path=request.path, query=request.query, headers=headers, body=body
        )
        if signature.verify_request(authorization, signed, sks, least_keys=max_keys):
            return True
    return False


async def _record_failure(context: WebContext, address: str) -> None:
    if context.settings.lock_failures == 0:
        return
    with suppress(FileUnavailable):  # the request is rejected, whether or not its failure was counted
        await context.transaction(lambda connection: lockout.record_failure(context, connection, address))
        context.tenant_cache.invalidate()

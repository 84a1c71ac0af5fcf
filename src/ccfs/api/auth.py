"""Authentication of API clients: the signature proves an app, and an address that fails too often is locked out."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from ccfs.db.system.tenant_cache import TenantSnapshot
from ccfs.model.errors import AddressLocked, FileUnavailable, ServerBusy, Unauthorised
from ccfs.model.identity.tenancy import App
from ccfs.protocol import signature
from ccfs.web import lockout
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request

# Size from which on a body is verified in a thread: it would block other requests for a millisecond.
VERIFY_IN_THREAD_BYTES = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureClaim:
    """A signature that can be verified once the body has arrived: of a known app, recent, and over headers that exist."""

    authorization: signature.Authorization
    app: App
    sks: list[str]  # secret keys of the AK
    key_ids: list[int]  # of these, in the same order
    max_keys: int  # of any AK: as many are tried for each


async def check_claim(context: WebContext, snapshot: TenantSnapshot, request: Request, address: str) -> SignatureClaim:
    """Return what the request claims, judged by its headers alone. Raise Unauthorised, and count the failure.

    The body of a stranger is not read. Raise ServerBusy if no node key decrypts the SK: the client did nothing wrong.
    """
    try:
        return _parse_claim(context, snapshot, request)
    except Unauthorised as error:
        await _reject_client(context, address, error)
        raise


async def authenticate_client(
    context: WebContext, snapshot: TenantSnapshot, request: Request, claim: SignatureClaim, body: bytes, address: str
) -> ApiClient:
    """Return the client that the signature proves; raise Unauthorised, and count the failure against the address."""
    if len(body) < VERIFY_IN_THREAD_BYTES:
        signing_key = _find_signing_key(context, request, body, claim)
    else:
        signing_key = await asyncio.to_thread(_find_signing_key, context, request, body, claim)
    if signing_key is None:
        error = Unauthorised("signature")
        await _reject_client(context, address, error)
        raise error
    context.usage.note_key(signing_key, context.now())
    return ApiClient(app=claim.app, tenants=snapshot)


def raise_if_locked(context: WebContext, snapshot: TenantSnapshot, address: str) -> None:
    """Raise AddressLocked while the address is locked out: the body of its request is not even read."""
    if lockout.is_locked_out(context, snapshot, address) or context.recent_failures.is_locked(address, context.now()):
        context.metrics.unauthorized_requests.labels(reason="locked").inc()
        raise AddressLocked


def _parse_claim(context: WebContext, snapshot: TenantSnapshot, request: Request) -> SignatureClaim:
    """Return the claim, or raise Unauthorised with the reason, which is counted but never reported to the client."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthorised("no signature")
    try:
        authorization = signature.parse_authorization(header)
        timestamp = signature.parse_timestamp(authorization.timestamp)
    except signature.MalformedAuthorization:
        raise Unauthorised("malformed") from None
    skew = timedelta(seconds=context.settings.clock_skew_seconds)
    if skew and abs(context.now() - timestamp) > skew:
        raise Unauthorised("clock")
    keys = snapshot.keys.get(authorization.ak, [])
    if not keys:
        if authorization.ak in snapshot.unreadable_aks:
            context.metrics.unauthorized_requests.labels(reason="unreadable key").inc()
            raise ServerBusy
        raise Unauthorised("unknown key")
    if not all(name.lower() in request.headers for name in authorization.signed_headers):
        raise Unauthorised("signature")
    return SignatureClaim(
        authorization=authorization,
        app=keys[0].app,
        sks=[key.sk for key in keys],
        key_ids=[key.id for key in keys],
        max_keys=snapshot.max_keys,
    )


def _find_signing_key(context: WebContext, request: Request, body: bytes, claim: SignatureClaim) -> int | None:
    """Return the id of the key that signed the request for its Host header or one of the configured aliases; None: no key."""
    for host in (None, *context.settings.host_aliases):
        headers = request.headers if host is None else {**request.headers, "host": host}
        signed = signature.SignedRequest(
            method=request.method, path=request.path, query=request.query, headers=headers, body=body
        )
        index = signature.find_signing_secret(claim.authorization, signed, claim.sks, least_keys=claim.max_keys)
        if index is not None:
            return claim.key_ids[index]
    return None


async def _reject_client(context: WebContext, address: str, error: Unauthorised) -> None:
    context.metrics.unauthorized_requests.labels(reason=error.param).inc()
    context.recent_failures.record(address, context.now())
    await _record_failure(context, address)


async def _record_failure(context: WebContext, address: str) -> None:
    if context.settings.lock_failures == 0:
        return
    with suppress(FileUnavailable):  # the request is rejected, whether or not its failure was counted
        await context.transaction(lambda connection: lockout.record_failure(context, connection, address))
        context.tenant_cache.invalidate()

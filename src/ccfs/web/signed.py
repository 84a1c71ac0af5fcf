"""Who is asking: the signature proves an app, and an address that fails too often is locked. No operation lives here."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from ccfs.model.errors import AddressLocked, Unauthorised, Unavailable
from ccfs.store import lockouts
from ccfs.store.picture import Picture
from ccfs.web.here import Caller, Here
from ccfs.web.request import Request
from ccfs.wire import sign

LARGE = 1 << 17  # a body from here on is verified in a thread: it would hold up the others for a millisecond


async def caller_of(here: Here, picture: Picture, request: Request, body: bytes, address: str) -> Caller:
    """The caller that the signature proves; raises Unauthorised, and counts that against the address."""
    check = _authenticate if len(body) < LARGE else _in_thread
    try:
        return await check(here, picture, request, body)
    except Unauthorised as error:
        here.counters.refusals.labels(reason=error.param).inc()
        await _count(here, address)
        raise


def refuse_locked(here: Here, picture: Picture, address: str) -> None:
    """Raises AddressLocked while the address is locked; its body is not even read."""
    until = picture.locked.get(address)
    if until is not None and until > here.now():
        here.counters.refusals.labels(reason="locked").inc()
        raise AddressLocked


async def _authenticate(here: Here, picture: Picture, request: Request, body: bytes) -> Caller:
    return authenticate(here, picture, request, body)


async def _in_thread(here: Here, picture: Picture, request: Request, body: bytes) -> Caller:
    return await asyncio.to_thread(authenticate, here, picture, request, body)


def authenticate(here: Here, picture: Picture, request: Request, body: bytes) -> Caller:
    """The caller, or Unauthorised with the reason: never told to the caller, counted and logged."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthorised("no signature")
    try:
        authorization = sign.parse(header)
        moment = sign.instant(authorization.timestamp)
    except sign.Malformed:
        raise Unauthorised("malformed") from None
    keys = picture.keys.get(authorization.ak, [])
    is_signed = any(
        _is_signed_for(request, body, host, authorization, [key.sk for key in keys]) for host in _hosts(here, request)
    )
    skew = timedelta(seconds=here.settings.clock_skew_seconds)
    if skew and abs(here.now() - moment) > skew:
        raise Unauthorised("clock")
    if not keys:
        raise Unauthorised("unknown key")
    if not is_signed:
        raise Unauthorised("signature")
    return Caller(app=keys[0].app, picture=picture)


def _hosts(here: Here, request: Request) -> tuple[str | None, ...]:
    return (request.headers.get("host"), *here.settings.host_aliases)


def _is_signed_for(
    request: Request, body: bytes, host: str | None, authorization: sign.Authorization, secrets: list[str]
) -> bool:
    headers = {**request.headers, "host": host} if host is not None else request.headers
    signed = sign.Request(method=request.method, path=request.path, query=request.query, headers=headers, body=body)
    return sign.verify(authorization, signed, secrets)


async def _count(here: Here, address: str) -> None:
    settings = here.settings
    if settings.lock_failures == 0:
        return
    now = here.now()
    with suppress(Unavailable):  # who could not be counted is refused all the same
        await here.tell(
            lambda connection: lockouts.count_failure(
                connection,
                address,
                now,
                limit=settings.lock_failures,
                period=timedelta(seconds=settings.lock_period_seconds),
                lock=timedelta(seconds=settings.lock_seconds),
            )
        )

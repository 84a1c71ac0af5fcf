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
    try:
        if len(body) < LARGE:
            return authenticate(here, picture, request, body)
        return await asyncio.to_thread(authenticate, here, picture, request, body)
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
    is_signed = _is_signed(here, request, body, authorization, [key.sk for key in keys])
    skew = timedelta(seconds=here.settings.clock_skew_seconds)
    if skew and abs(here.now() - moment) > skew:
        raise Unauthorised("clock")
    if not keys:
        raise Unauthorised("unknown key")
    if not is_signed:
        raise Unauthorised("signature")
    return Caller(app=keys[0].app, picture=picture)


def _is_signed(here: Here, request: Request, body: bytes, authorization: sign.Authorization, sks: list[str]) -> bool:
    """Whether it is signed for the host that was sent, or for a name that stands in for it."""
    for host in (None, *here.settings.host_aliases):
        headers = request.headers if host is None else {**request.headers, "host": host}
        asked = sign.Request(method=request.method, path=request.path, query=request.query, headers=headers, body=body)
        if sign.verify(authorization, asked, sks):
            return True
    return False


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
        here.pictures.look_again()

"""The console's door: who comes in, that a change comes from our own page, and which visitor's file it is for."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ccfs.logs import log
from ccfs.model.errors import Absent, BadAsk, Misuse, TooLarge, Unavailable
from ccfs.store import sessions
from ccfs.store.certificate_files import LARGEST
from ccfs.web.answers import Answer, Plain
from ccfs.web.console import (
    apps,
    callbacks,
    calls,
    exports,
    figures,
    ingest,
    marks,
    node,
    oneself,
    people,
    places,
    render,
    signing_in,
    single_sign_on,
    table,
    take,
    uploads,
)
from ccfs.web.console import log as audit_log
from ccfs.web.console.visit import FRONT, LANGUAGE, SESSION, Visit
from ccfs.web.here import Here
from ccfs.web.request import ProtocolClosed, Request, read_body

Room = Callable[[Visit], Awaitable[Answer]]
FORM_LIMIT: Final = 1 << 16  # bytes
FIELDS: Final = 100
UPLOADS: Final = {"/console/node/trust": LARGEST + 1}  # bytes of a file that may come with a form


async def _listen(came: Visit) -> Answer:
    rooms = await asyncio.to_thread(_listening)
    return await rooms[came.request.path](came)


def _listening() -> Mapping[str, Room]:
    from ccfs.web.console import listen  # brings PyAV and numpy, a fifth of a start: once somebody listens

    return listen.ROOMS


OPEN: dict[tuple[str, str], Room] = {
    ("GET", "/console/login"): signing_in.ask,
    ("POST", "/console/login"): signing_in.enter,
    ("GET", "/console/start"): signing_in.ask_password,
    ("POST", "/console/start"): signing_in.set_password,
    ("POST", "/console/language"): signing_in.choose_language,
    ("GET", "/console/oidc"): single_sign_on.leave,
    ("GET", "/console/oidc/back"): single_sign_on.come_back,
    ("GET", "/console/oidc/out"): single_sign_on.farewell,
}
ROOMS: dict[tuple[str, str], Room] = {
    ("GET", "/console"): calls.front,
    ("GET", "/console/"): calls.front,
    ("GET", "/console/calls"): calls.search,
    ("GET", "/console/calls/csv"): table.save,
    ("GET", "/console/takes"): take.index,
    ("POST", "/console/takes"): take.ask,
    ("GET", "/console/take"): take.show,
    ("POST", "/console/take"): take.drop,
    ("GET", "/console/take/zip"): take.save,
    ("GET", "/console/call"): calls.show,
    ("GET", "/console/audio"): _listen,
    ("GET", "/console/waveform"): _listen,
    ("GET", "/console/download"): _listen,
    ("POST", "/console/mark"): marks.add,
    ("POST", "/console/mark/remove"): marks.remove,
    ("GET", "/console/figures"): figures.index,
    ("POST", "/console/logout"): signing_in.leave,
    ("GET", "/console/exports"): exports.index,
    ("GET", "/console/export"): exports.show,
    ("POST", "/console/export"): exports.retry,
    ("GET", "/console/callbacks"): callbacks.index,
    ("GET", "/console/callbacks/again"): callbacks.confirm,
    ("POST", "/console/callbacks/again"): callbacks.send_again,
    ("GET", "/console/ingest"): ingest.index,
    ("POST", "/console/ingest/again"): ingest.read_again,
    ("GET", "/console/apps"): apps.index,
    ("POST", "/console/apps/add"): apps.add,
    ("POST", "/console/apps/account"): apps.add_account,
    ("POST", "/console/apps/key"): apps.add_key,
    ("POST", "/console/apps/revoke"): apps.revoke_key,
    ("POST", "/console/apps/retire"): apps.retire_keys,
    ("GET", "/console/people"): people.index,
    ("POST", "/console/people/add"): people.add,
    ("POST", "/console/people/give"): people.give,
    ("POST", "/console/people/take"): people.take,
    ("POST", "/console/people/disable"): people.disable,
    ("POST", "/console/people/reset"): people.reset,
    ("GET", "/console/audit"): audit_log.index,
    ("GET", "/console/audit/csv"): audit_log.save,
    ("GET", "/console/node"): node.index,
    ("GET", "/console/places"): places.index,
    ("POST", "/console/places/node"): places.set_node,
    ("POST", "/console/places/location"): places.set_location,
    ("POST", "/console/node/trust"): node.trust,
    ("POST", "/console/node/distrust"): node.distrust,
    ("GET", "/console/me"): oneself.me,
    ("POST", "/console/me/password"): oneself.set_password,
    ("POST", "/console/me/factor"): oneself.begin_factor,
    ("POST", "/console/me/factor/set"): oneself.set_factor,
    ("POST", "/console/me/factor/end"): oneself.end_factor,
}


def leads_to(path: str) -> bool:
    """Whether a path is the console's."""
    return path == "/console" or path.startswith("/console/")


async def visit(here: Here, request: Request, protocol: Any) -> Answer:
    """The answer to a request to the console; what goes wrong is a page, too."""
    if request.path.startswith(render.STATIC):
        found = render.static(request.path)
        return found or await _lost(_stranger(here, request))
    came = _stranger(here, request)
    try:
        came = await _known(here, request, *await _form(request, protocol))
        return await _led(came)
    except Absent:
        return await _lost(came)
    except Unavailable:
        return came.page("wrong.html", 503, what="unavailable", reason="")
    except (Misuse, BadAsk) as error:
        return came.page("wrong.html", 400, what="refused", reason=str(error))
    except ProtocolClosed:
        raise
    except Exception:  # noqa: BLE001  of whatever kind: people get a page, and the log the reason
        log().exception("failed", action="request_failed", request=request.id, path=request.path)
        return came.page("wrong.html", 500, what="unavailable", reason="")


async def _led(came: Visit) -> Answer:
    method = "GET" if came.request.method == "HEAD" else came.request.method
    step = (method, came.request.path)
    room = OPEN.get(step) or ROOMS.get(step)
    if method == "POST" and not _is_from_here(came, is_open=step in OPEN):
        return came.page("wrong.html", 403, what="stale", reason="")
    if room is None or (step not in OPEN and came.user is None):
        return await _turned_away(came, room)
    return await room(came)


async def _turned_away(came: Visit, room: Room | None) -> Answer:
    """Who is not signed in learns nothing of what there is; a page that was asked for is shown after signing in."""
    if came.user is not None:
        raise Absent
    if room is None or came.request.method == "POST" or came.request.path in ("/console", "/console/"):
        return came.to("/console/login")
    query = f"?{came.request.query}" if came.request.query else ""
    return came.to("/console/login", next=came.request.path + query)


async def _lost(came: Visit) -> Plain:
    return came.page("wrong.html", 404, what="absent", reason="")


def _is_from_here(came: Visit, *, is_open: bool) -> bool:
    """Whether a change comes from a page of ours: by the browser's word, and by what only our page knows."""
    origin = came.request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != came.request.headers.get("host"):
        return False
    return is_open or (
        bool(came.csrf) and secrets.compare_digest(came.csrf.encode(), came.form.get("csrf", "").encode())
    )


def _stranger(here: Here, request: Request) -> Visit:
    address = request.address(here.settings.trusted_proxies)
    return Visit(here=here, request=request, address=address, language=_language(here, request))


async def _known(here: Here, request: Request, form: Mapping[str, str], files: Mapping[str, bytes]) -> Visit:
    """The visit with its user, whose session is noted as used."""
    came, now, set_to = _stranger(here, request), here.now(), here.settings
    token = request.cookies.get(SESSION, "")
    idle, lasts = timedelta(seconds=set_to.session_idle_seconds), timedelta(seconds=set_to.session_seconds)
    user, is_news = await here.ask(lambda connection: sessions.user_of(connection, token, now, idle, lasts))
    if is_news:
        await here.tell(lambda connection: sessions.seen(connection, token, now))
    return Visit(
        here=here,
        request=request,
        address=came.address,
        language=came.language,
        user=user,
        token=token if user else "",
        form=form,
        files=files,
    )


async def _form(request: Request, protocol: Any) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """What a form brings: fields, and where one may, files."""
    if request.method != "POST":
        return {}, {}
    body = await read_body(request, protocol, FORM_LIMIT + UPLOADS.get(request.path, 0))
    content_type = request.headers.get("content-type", "")
    if request.path in UPLOADS and uploads.is_upload(content_type):
        return uploads.read(content_type, body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise TooLarge(f"{FIELDS} fields") from None
    return {name: value.replace("\0", "") for name, value in pairs}, {}


def _language(here: Here, request: Request) -> str:
    """The language that was chosen, else the first one that the browser names and we speak, else the node's."""
    chosen = request.cookies.get(LANGUAGE, "")
    if chosen in render.LANGUAGES:
        return chosen
    named = (
        one.partition(";")[0].strip().partition("-")[0] for one in request.headers.get("accept-language", "").split(",")
    )
    return next((one.lower() for one in named if one.lower() in render.LANGUAGES), here.settings.language)


__all__ = ["FRONT", "leads_to", "visit"]

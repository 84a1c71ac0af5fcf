"""Other nodes fetch bytes of this node's disks here. Nobody else may: see model/ticket. No app, no row, no name from outside."""

import asyncio

from ccfs.model.errors import Unauthorised, Unavailable
from ccfs.model.recording import Kept
from ccfs.model.ticket import is_good
from ccfs.store.locations.peer import GONE, PATH
from ccfs.store.locations.port import BadKey, Gone, checked
from ccfs.web.answers import Answer, KeptFile, Plain
from ccfs.web.here import Here
from ccfs.web.request import Request
from ccfs.wire import envelope
from ccfs.wire.operations import READING


async def file(here: Here, request: Request) -> Answer:
    """The bytes of a location and key, or the range of them that is asked for; 410 where there are none."""
    shown, range_ = request.headers.get("authorization", ""), request.headers.get("range", "")
    if not is_good(shown, here.peer_keys, request.method, request.path, range_, here.now()):
        raise Unauthorised("peer")
    location_id, _, key = request.path.removeprefix(PATH).partition("/")
    try:
        if request.method not in READING or location_id in await asyncio.to_thread(here.locations.far):
            return _refusal(here, request, 404)
        size = await asyncio.to_thread(here.locations[location_id].size, checked(key))
    except (KeyError, BadKey):
        return _refusal(here, request, 404)
    except Gone:
        return _refusal(here, request, GONE)
    except OSError as error:
        raise Unavailable from error
    return KeptFile(kept=Kept(location_id=location_id, key=key, size=size, sha256="", crc32=0), name="bytes")


def _refusal(here: Here, request: Request, status: int) -> Plain:
    now_ms = int(here.now().timestamp() * 1000)
    return Plain(body=envelope.refusal(status, request.path, now_ms), status=status)

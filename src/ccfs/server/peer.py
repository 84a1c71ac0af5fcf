"""Other nodes fetch bytes of this node's disks here. Nobody else may: see model/ticket. No app, no row, no name from outside."""

import asyncio

from ccfs.blobs.interface import check_key
from ccfs.blobs.peer import PATH_PREFIX, STATUS_BLOB_NOT_FOUND
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound, InvalidKey
from ccfs.model.blobs.peer_token import verify_peer_request
from ccfs.model.errors import FileUnavailable, Unauthorised
from ccfs.protocol import responses
from ccfs.protocol.operations import READ_METHODS
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BlobResponse, BytesResponse, Response


async def download_blob(here: WebContext, request: Request) -> Response:
    """The bytes of a location and key, or the range of them that is asked for; 410 where there are none."""
    shown, range_ = request.headers.get("authorization", ""), request.headers.get("range", "")
    if not verify_peer_request(shown, here.peer_keys, request.method, request.path, range_, here.now()):
        raise Unauthorised("peer")
    location_id, _, key = request.path.removeprefix(PATH_PREFIX).partition("/")
    try:
        if request.method not in READ_METHODS or location_id in await asyncio.to_thread(here.locations.list_remote_ids):
            return _http_error_response(here, request, 404)
        size = await asyncio.to_thread(here.locations[location_id].get_size, check_key(key))
    except (KeyError, InvalidKey):
        return _http_error_response(here, request, 404)
    except BlobNotFound:
        return _http_error_response(here, request, STATUS_BLOB_NOT_FOUND)
    except OSError as error:
        raise FileUnavailable from error
    return BlobResponse(blob=BlobRef(location_id=location_id, key=key, size=size, sha256="", crc32=0), name="bytes")


def _http_error_response(here: WebContext, request: Request, status: int) -> BytesResponse:
    now_ms = int(here.now().timestamp() * 1000)
    return BytesResponse(body=responses.build_http_error(status, request.path, now_ms), status=status)

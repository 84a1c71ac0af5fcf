"""The audio of a link, cut and decoded here: nothing of the stored file leaves but the samples of the passage.

Whole recordings are decoded, too, because stored files hold names and numbers in their headers. routes.py imports this module
on first use, like the player.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

from ccfs.console.calls.player import (
    EARLY_RETURN_BYTES,
    EARLY_RETURN_SECONDS,
    FIRST_CHUNK_BYTES,
    MAX_CHUNK_BYTES,
    RETRY_AFTER_SECONDS,
)
from ccfs.console.links.guest_page import TOKEN_FIELD
from ccfs.console.links.link_access import HEADERS, LiveLink, find_live_link, forget_user, has_grant
from ccfs.console.request import ConsoleRequest
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.passage import Passage, cut_passage, iter_passage
from ccfs.media.pcm import DeadlineExceeded
from ccfs.media.probe import AudioInfo, probe_audio
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FlowLimitReached
from ccfs.model.formats.http_range import RangeNotSatisfiable, if_range_matches, parse_range
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.guest_link import GuestLinkDraft
from ccfs.model.recordings.recording import Recording
from ccfs.web.app_counters import RequestKind
from ccfs.web.context import WebContext
from ccfs.web.responses.blob_reader import open_blob
from ccfs.web.responses.build import build_encoded_response
from ccfs.web.responses.types import BytesResponse, Response
from ccfs.web.transcode_pool import DeadlineCheck, PoolFull

CONTENT_TYPE = "audio/wav"


async def play_link(request: ConsoleRequest) -> Response:
    """Return what the link opens, or a range of it, to a browser that has opened it. Ranges count from the passage's begin."""
    request = forget_user(request)
    live = await find_live_link(request, request.query_params.get(TOKEN_FIELD, ""))
    if live is None or not has_grant(request, live):
        return _respond(404)
    context, app = request.context, live.scope.app
    try:
        snapshot = await context.get_tenant_snapshot()
        await context.flow_control.admit(request.http_request, app, snapshot, "guestLink", RequestKind.DOWNLOAD)
        passage = await find_passage(context, app, live.recording, live.link.draft)
        return await _respond_with_range(request, live, passage)
    except UnknownAudio:
        return _respond(404)
    except (PoolFull, DeadlineExceeded, FlowLimitReached):
        return _respond(503, ("retry-after", RETRY_AFTER_SECONDS))


async def find_passage(context: WebContext, app: App, recording: Recording, draft: GuestLinkDraft) -> Passage:
    """Return what a link opens. Raise UnknownAudio if it cannot be decoded or is empty, PoolFull."""
    cache, key = context.transcode_pool.audio_info_cache, f"{recording.blob.sha256} exactly"
    if key not in cache:
        info = await context.transcode_pool.decode_range(app.id, lambda _: _probe(context, recording.blob))
        if len(cache) >= 1000:
            cache.clear()
        cache[key] = info
    return cut_passage(cache[key], draft.start_ms, draft.end_ms)


async def _respond_with_range(request: ConsoleRequest, live: LiveLink, passage: Passage) -> Response:
    """Return the requested range, or the beginning of it, of at most MAX_CHUNK_BYTES: players request the rest.

    Without a range, the passage is decoded while it is sent.
    """
    context, headers = request.context, request.http_request.headers
    draft, blob = live.link.draft, live.recording.blob
    names = f"{live.link.id} {draft.start_ms} {draft.end_ms} {blob.sha256}"
    etag = f'"{sha256(names.encode()).hexdigest()[:32]}"'
    try:
        asked = headers.get("range") if if_range_matches(headers.get("if-range"), etag) else None
        selected = parse_range(asked, passage.size)
    except RangeNotSatisfiable:
        return _respond(416, ("content-range", f"bytes */{passage.size}"))
    if selected is None:
        job = await context.transcode_pool.start_encode_job(
            live.scope.app.id, lambda: _iter_all(context, blob, passage)
        )
        return build_encoded_response(job, "audio.wav", CONTENT_TYPE, passage.size, is_inline=True)
    start, end = selected
    end = min(end, start + (MAX_CHUNK_BYTES if start else FIRST_CHUNK_BYTES))
    body = await context.transcode_pool.decode_range(
        live.scope.app.id, lambda is_late: _read(context, blob, passage, (start, end), is_late)
    )
    span = ("content-range", f"bytes {start}-{start + len(body) - 1}/{passage.size}")
    return _respond(206, span, ("accept-ranges", "bytes"), ("etag", etag), body=body)


def _probe(context: WebContext, blob: BlobRef) -> AudioInfo:
    with closing(open_blob(context, blob)) as source:
        return probe_audio(source, blob.size, exactly=True)


def _read(context: WebContext, blob: BlobRef, passage: Passage, span: tuple[int, int], is_late: DeadlineCheck) -> bytes:
    """Return the bytes of the span, or those decoded within EARLY_RETURN_SECONDS."""
    body, deadline = bytearray(), time.monotonic() + EARLY_RETURN_SECONDS
    with closing(open_blob(context, blob)) as source:
        for chunk in iter_passage(source, passage, *span, is_late):
            body += chunk
            if len(body) >= EARLY_RETURN_BYTES and time.monotonic() > deadline:
                break
    return bytes(body)


def _iter_all(context: WebContext, blob: BlobRef, passage: Passage) -> Iterator[bytes]:
    with closing(open_blob(context, blob)) as source:
        yield from iter_passage(source, passage, 0, passage.size, lambda: False)


def _respond(status: int, *headers: tuple[str, str], body: bytes = b"") -> BytesResponse:
    inline = ("content-disposition", "inline")
    return BytesResponse(
        body=body, content_type=CONTENT_TYPE, status=status, extra_headers=(*HEADERS, inline, *headers)
    )

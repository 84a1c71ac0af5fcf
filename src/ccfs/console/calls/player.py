"""Hearing a recording: for the player as it is or made playable, its waveform, and to be saved in several forms.

door.py imports this when somebody first listens: the codecs take time and memory that most processes never need.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from ccfs.api.recordings import build_recording_response
from ccfs.console.request import ConsoleRequest
from ccfs.db.tenant import waveforms
from ccfs.media import encode, pcm, waveform
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.encode import OutputFormat
from ccfs.media.pcm import DeadlineExceeded
from ccfs.media.probe import AudioInfo, probe_audio
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import NotFound
from ccfs.model.formats.http_range import RangeNotSatisfiable, if_range_matches, parse_range
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.recording import Recording
from ccfs.web.context import WebContext
from ccfs.web.responses.blob_reader import open_blob
from ccfs.web.responses.types import BytesResponse, EncodedResponse, Response
from ccfs.web.transcode_pool import DeadlineCheck, PoolFull

FIRST_CHUNK_BYTES = 1 << 17  # bytes of the first piece for the player: 8 s at 8 kHz, so that it can begin at once
MAX_CHUNK_BYTES = 1 << 20  # bytes of all others; the player asks for the next in time
EARLY_RETURN_BYTES = (
    1 << 16
)  # bytes that are given once they have taken BRIEFLY, so that a codec that is slow is heard at once, too
EARLY_RETURN_SECONDS = 0.1  # seconds
RETRY_AFTER_SECONDS = "2"  # seconds after which one who found every place taken may ask again

WaveformData = tuple[int, int, bytes]  # milliseconds, channels, levels of one channel after the other


async def play_recording(visit: ConsoleRequest) -> Response:
    """A recording for the browser's player, ranges and all. It is in the log."""
    place, recording = await visit.get_recording(Permission.LISTEN)
    await visit.audit_download(AuditAction.RECORDING_PLAYED, recording.file_name, place)
    as_it_is = replace(build_recording_response(recording), content_type="audio/wav", is_inline=True)
    try:
        tape = await _get_audio_info(visit.context, recording.blob)
        if tape.is_browser_playable:
            return replace(as_it_is, content_type=tape.content_type)
        return await _respond_as_wav(visit, recording, tape)
    except UnknownAudio:
        return as_it_is  # the browser may know more than we do, and says so if not
    except (PoolFull, DeadlineExceeded):
        return _respond_busy(visit)


async def _respond_as_wav(visit: ConsoleRequest, recording: Recording, tape: AudioInfo) -> Response:
    """As a WAV, of which a range is decoded when it is asked for: of a long one a part, as RFC 9110 allows (15.3.7)."""
    here, kept, size = visit.context, recording.blob, pcm.wav_size(tape)
    etag = f'"{kept.sha256[:32]}-pcm"'
    headers = [("accept-ranges", "bytes"), ("etag", etag), ("content-disposition", "inline")]
    headers.append(("cache-control", "private, no-cache"))
    asked = visit.request.headers.get("range")
    try:
        span = parse_range(asked, size) if if_range_matches(visit.request.headers.get("if-range"), etag) else None
    except RangeNotSatisfiable:
        return BytesResponse(body=b"", status=416, extra_headers=(("content-range", f"bytes */{size}"), *headers))
    if span is None:
        return await _encode_file(here, recording, tape, OutputFormat.WAV, is_inline=True)
    start, end = span[0], min(span[1], span[0] + (MAX_CHUNK_BYTES if span[0] else FIRST_CHUNK_BYTES))
    body = await here.transcode_pool.decode_range(
        lambda is_late: _decode_range(here, kept, tape, (start, end), is_late)
    )
    headers.append(("content-range", f"bytes {start}-{start + len(body) - 1}/{size}"))
    return BytesResponse(body=body, content_type="audio/wav", status=206, extra_headers=tuple(headers))


async def get_waveform(visit: ConsoleRequest) -> Response:
    """The recording's length and levels, drawn once; no levels where it cannot be read."""
    place, recording = await visit.get_recording(Permission.LISTEN)
    await visit.audit_action(AuditAction.WAVEFORM_VIEWED, recording.file_name, place)
    here, app = visit.context, place.app
    drawn = await here.query(lambda connection: waveforms.get(connection, app, recording))
    if drawn is None:
        try:
            fresh = await here.transcode_pool.render_waveform(
                f"{app.id} {recording.file_name}", lambda is_late: _compute_waveform(here, recording.blob, is_late)
            )
        except (PoolFull, DeadlineExceeded):
            return _respond_busy(visit)
        await here.transaction(lambda connection: waveforms.save(connection, app, recording, fresh, here.now()))
        drawn = fresh
    milliseconds, channels, data = drawn
    each = len(data) // channels if channels else 0
    told = [list(data[number * each : (number + 1) * each]) for number in range(channels)]
    body = json.dumps({"milliseconds": milliseconds, "levels": told}, separators=(",", ":"))
    return BytesResponse(body=body.encode(), content_type="application/json")


async def download_recording(visit: ConsoleRequest) -> Response:
    """A recording to be saved: as it is stored, or in the form that `as` names. Either is in the log."""
    place, recording = await visit.get_recording(Permission.DOWNLOAD)
    asked = visit.query_params.get("format", "")
    if asked not in ("", *OutputFormat):
        raise NotFound
    told = f"{recording.file_name} as {asked}" if asked else recording.file_name
    await visit.audit_action(AuditAction.RECORDING_DOWNLOADED, told, place)
    if not asked:
        return build_recording_response(recording)
    try:
        tape = await visit.context.transcode_pool.decode_range(
            lambda _: _probe_recording(visit.context, recording.blob, exactly=True)
        )
        return await _encode_file(visit.context, recording, tape, OutputFormat(asked))
    except UnknownAudio:
        reason = visit.translate("This recording cannot be read: it can only be had as it is stored.")
        return visit.render_page("error.html", 400, kind="error", reason=reason)
    except (PoolFull, DeadlineExceeded):
        reason = visit.translate("Too many recordings are being converted. Try again in a moment.")
        page = visit.render_page("error.html", 503, kind="error", reason=reason)
        return replace(page, extra_headers=(*page.extra_headers, ("retry-after", RETRY_AFTER_SECONDS)))


async def _encode_file(
    here: WebContext, recording: Recording, tape: AudioInfo, form: OutputFormat, *, is_inline: bool = False
) -> EncodedResponse:
    name = build_recording_response(recording).name
    stem = name.rpartition(".")[0] or name
    making = await here.transcode_pool.start_encode_job(lambda: _iter_encoded(here, recording.blob, tape, form))
    size = encode.output_size(tape, form)
    kind = form.content_type
    return EncodedResponse(encode_job=making, name=f"{stem}.{form}", content_type=kind, size=size, is_inline=is_inline)


async def _get_audio_info(here: WebContext, kept: BlobRef) -> AudioInfo:
    """What the recording is; known from the last time, for a player asks often."""
    known = here.transcode_pool.audio_info_cache
    if kept.sha256 not in known:
        found = await here.transcode_pool.decode_range(lambda _: _probe_recording(here, kept))
        if len(known) >= 1000:
            known.clear()
        known[kept.sha256] = found
    return known[kept.sha256]


def _probe_recording(here: WebContext, kept: BlobRef, *, exactly: bool = False) -> AudioInfo:
    with closing(open_blob(here, kept)) as source:
        return probe_audio(source, kept.size, exactly=exactly)


def _decode_range(
    here: WebContext, kept: BlobRef, tape: AudioInfo, span: tuple[int, int], is_late: DeadlineCheck
) -> bytes:
    """The bytes of the span, or as many of them as could be made before long."""
    body, brief = bytearray(), time.monotonic() + EARLY_RETURN_SECONDS
    with closing(open_blob(here, kept)) as source:
        for piece in pcm.iter_wav(source, tape, *span, is_late):
            body += piece
            if len(body) >= EARLY_RETURN_BYTES and time.monotonic() > brief:
                break
    return bytes(body)


def _iter_encoded(here: WebContext, kept: BlobRef, tape: AudioInfo, form: OutputFormat) -> Iterator[bytes]:
    with closing(open_blob(here, kept)) as source:
        yield from encode.encode_audio(source, tape, form, lambda: False)


def _compute_waveform(here: WebContext, kept: BlobRef, is_late: DeadlineCheck) -> WaveformData:
    try:
        with closing(open_blob(here, kept)) as source:
            found = waveform.compute_peaks(source, probe_audio(source, kept.size), is_late)
    except UnknownAudio:
        return 0, 0, b""
    return found.milliseconds, len(found.peaks), b"".join(found.peaks)


def _respond_busy(visit: ConsoleRequest) -> BytesResponse:
    text = visit.translate("Too many recordings are being converted. Try again in a moment.")
    return BytesResponse(
        body=text.encode(),
        content_type="text/plain;charset=UTF-8",
        status=503,
        extra_headers=(("retry-after", RETRY_AFTER_SECONDS),),
    )


HANDLERS = {
    "/console/audio": play_recording,
    "/console/waveform": get_waveform,
    "/console/download": download_recording,
}

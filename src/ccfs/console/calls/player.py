"""A recording for the player and for downloads: as stored or converted, and its waveform.

routes.py imports this module on first use: the codecs take time and memory that most processes never need.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

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
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.web.context import WebContext
from ccfs.web.responses.blob_reader import open_blob
from ccfs.web.responses.build import build_encoded_response, build_recording_response
from ccfs.web.responses.types import BytesResponse, Response, StreamedResponse
from ccfs.web.transcode_pool import DeadlineCheck, PoolFull

FIRST_CHUNK_BYTES = 1 << 17  # of the first range for the player: 8 s at 8 kHz, so that it starts at once
MAX_CHUNK_BYTES = 1 << 20  # of all further ranges
EARLY_RETURN_BYTES = 1 << 16  # sent once decoding has taken EARLY_RETURN_SECONDS, so that slow codecs start, too
EARLY_RETURN_SECONDS = 0.1
RETRY_AFTER_SECONDS = "2"  # when the transcode pool is full

WaveformData = tuple[int, int, bytes]  # milliseconds, channels, peaks of one channel after the other


async def play_recording(request: ConsoleRequest) -> Response:
    """Return a recording, or a range of it, for the browser's player, and audit it."""
    recording = await request.get_recording()
    await request.audit_download(AuditAction.RECORDING_PLAYED, recording.file_name, recording.call_id)
    as_stored = replace(build_recording_response(recording), content_type="audio/wav", is_inline=True)
    try:
        audio = await _get_audio_info(request.context, request.current_scope.app, recording.blob)
        if audio.is_browser_playable:
            return replace(as_stored, content_type=audio.content_type)
        return await _respond_as_wav(request, recording, audio)
    except UnknownAudio:
        return as_stored  # the browser may know the codec; the player shows an error if not
    except (PoolFull, DeadlineExceeded):
        return _respond_busy(request)


async def _respond_as_wav(request: ConsoleRequest, recording: Recording, audio: AudioInfo) -> Response:
    """Return a WAV. A range is decoded on request; for a long one, only its first part, as RFC 9110 allows (15.3.7)."""
    context, blob, size = request.context, recording.blob, pcm.wav_size(audio)
    etag = f'"{blob.sha256[:32]}-pcm"'
    headers = [("accept-ranges", "bytes"), ("etag", etag), ("content-disposition", "inline")]
    headers.append(("cache-control", "private, no-cache"))
    range_header, if_range = (request.http_request.headers.get(name) for name in ("range", "if-range"))
    try:
        span = parse_range(range_header, size) if if_range_matches(if_range, etag) else None
    except RangeNotSatisfiable:
        return BytesResponse(body=b"", status=416, extra_headers=(("content-range", f"bytes */{size}"), *headers))
    if span is None:
        return await _encode_file(request, recording, audio, OutputFormat.WAV, is_inline=True)
    start, end = span[0], min(span[1], span[0] + (MAX_CHUNK_BYTES if span[0] else FIRST_CHUNK_BYTES))
    body = await context.transcode_pool.decode_range(
        request.current_scope.app.id, lambda is_late: _decode_range(context, blob, audio, (start, end), is_late)
    )
    headers.append(("content-range", f"bytes {start}-{start + len(body) - 1}/{size}"))
    return BytesResponse(body=body, content_type="audio/wav", status=206, extra_headers=tuple(headers))


async def get_waveform(request: ConsoleRequest) -> Response:
    """Return the recording's duration and peaks as JSON, computed once; no peaks where the audio cannot be decoded."""
    scope, recording = request.current_scope, await request.get_recording()
    await request.audit_action(AuditAction.WAVEFORM_VIEWED, recording.file_name, scope, recording.call_id)
    context, app = request.context, scope.app
    stored = await context.query(lambda connection: waveforms.get(connection, app, recording))
    if stored is None:
        try:
            computed = await context.transcode_pool.render_waveform(
                app.id,
                f"{app.id} {recording.file_name}",
                lambda is_late: _compute_waveform(context, recording.blob, is_late),
            )
        except (PoolFull, DeadlineExceeded):
            return _respond_busy(request)
        await context.transaction(
            lambda connection: waveforms.save(connection, app, recording, computed, context.now())
        )
        stored = computed
    milliseconds, channels, data = stored
    count = len(data) // channels if channels else 0
    levels = [list(data[channel * count : (channel + 1) * count]) for channel in range(channels)]
    body = json.dumps({"milliseconds": milliseconds, "levels": levels}, separators=(",", ":"))
    return BytesResponse(body=body.encode(), content_type="application/json")


async def download_recording(request: ConsoleRequest) -> Response:
    """Return a recording as stored, or in the format that `format` names, and audit it."""
    recording = await request.get_recording()
    output_format = request.query_params.get("format", "")
    if output_format not in ("", *OutputFormat):
        raise NotFound
    target = f"{recording.file_name} as {output_format}" if output_format else recording.file_name
    await request.audit_action(AuditAction.RECORDING_DOWNLOADED, target, request.scope, recording.call_id)
    if not output_format:
        return build_recording_response(recording)
    try:
        audio = await request.context.transcode_pool.decode_range(
            request.current_scope.app.id, lambda _: _probe_recording(request.context, recording.blob, exactly=True)
        )
        return await _encode_file(request, recording, audio, OutputFormat(output_format))
    except UnknownAudio:
        reason = request.translate("This recording cannot be converted. Download it in its original format.")
        return request.render_error("error", 400, reason)
    except (PoolFull, DeadlineExceeded):
        reason = request.translate("Too many recordings are being converted. Try again in a moment.")
        page = request.render_error("error", 503, reason)
        return replace(page, extra_headers=(*page.extra_headers, ("retry-after", RETRY_AFTER_SECONDS)))


async def _encode_file(
    request: ConsoleRequest,
    recording: Recording,
    audio: AudioInfo,
    output_format: OutputFormat,
    *,
    is_inline: bool = False,
) -> StreamedResponse:
    context = request.context
    name = build_recording_response(recording).name
    stem = name.rpartition(".")[0] or name
    job = await context.transcode_pool.start_encode_job(
        request.current_scope.app.id, lambda: _iter_encoded(context, recording.blob, audio, output_format)
    )
    size = encode.output_size(audio, output_format)
    kind = output_format.content_type
    return build_encoded_response(job, f"{stem}.{output_format}", kind, size, is_inline=is_inline)


async def _get_audio_info(context: WebContext, app: App, blob: BlobRef) -> AudioInfo:
    """Return the recording's audio info, cached because a player sends many requests."""
    cache = context.transcode_pool.audio_info_cache
    if blob.sha256 not in cache:
        audio = await context.transcode_pool.decode_range(app.id, lambda _: _probe_recording(context, blob))
        if len(cache) >= 1000:
            cache.clear()
        cache[blob.sha256] = audio
    return cache[blob.sha256]


def _probe_recording(context: WebContext, blob: BlobRef, *, exactly: bool = False) -> AudioInfo:
    with closing(open_blob(context, blob)) as source:
        return probe_audio(source, blob.size, exactly=exactly)


def _decode_range(
    context: WebContext, blob: BlobRef, audio: AudioInfo, span: tuple[int, int], is_late: DeadlineCheck
) -> bytes:
    """Return the bytes of the span, or those decoded within EARLY_RETURN_SECONDS."""
    body, deadline = bytearray(), time.monotonic() + EARLY_RETURN_SECONDS
    with closing(open_blob(context, blob)) as source:
        for chunk in pcm.iter_wav(source, audio, *span, is_late):
            body += chunk
            if len(body) >= EARLY_RETURN_BYTES and time.monotonic() > deadline:
                break
    return bytes(body)


def _iter_encoded(context: WebContext, blob: BlobRef, audio: AudioInfo, output_format: OutputFormat) -> Iterator[bytes]:
    with closing(open_blob(context, blob)) as source:
        yield from encode.encode_audio(source, audio, output_format, lambda: False)


def _compute_waveform(context: WebContext, blob: BlobRef, is_late: DeadlineCheck) -> WaveformData:
    try:
        with closing(open_blob(context, blob)) as source:
            peaks = waveform.compute_peaks(source, probe_audio(source, blob.size), is_late)
    except UnknownAudio:
        return 0, 0, b""
    return peaks.milliseconds, len(peaks.peaks), b"".join(peaks.peaks)


def _respond_busy(request: ConsoleRequest) -> BytesResponse:
    text = request.translate("Too many recordings are being converted. Try again in a moment.")
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

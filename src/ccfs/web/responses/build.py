"""Responses from what handlers have: a recording, several files, an encoding job."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from ccfs.blobs.replicas import Replicas
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.formats.stored_zip import ZipMember, ZipSegment, build_segments, iter_slices, total_size
from ccfs.model.recordings.recording import Recording
from ccfs.web.responses.types import BlobResponse, StreamedResponse
from ccfs.web.transcode_pool import EncodeJob

STALL_TIMEOUT_SECONDS = 120.0  # a client that reads nothing of an encoded file for so long loses its slot


def build_recording_response(recording: Recording) -> BlobResponse:
    """Return the recording's bytes, to be saved under the last part of its index name."""
    return BlobResponse(blob=recording.blob, name=recording.file_name.rpartition("/")[2])


def build_zip_response(replicas: Replicas, files: Sequence[tuple[BlobRef, ZipMember]], name: str) -> StreamedResponse:
    """Return a stored zip of the files in their order; the same files and names give the same bytes and ETag."""
    blobs, segments = [blob for blob, _ in files], build_segments([member for _, member in files])
    tag = sha256(b"".join(segment.data for segment in segments))  # local headers hold every name, size, time and CRC
    for blob in blobs:
        tag.update(bytes.fromhex(blob.sha256))
    return StreamedResponse(
        chunks=lambda start, end: _iter_zip(replicas, blobs, segments, start, end),
        name=name,
        size=total_size(segments),
        etag=f'"{tag.hexdigest()[:32]}"',
        check=lambda: [replicas.resolve(blob) for blob in blobs],
    )


def _iter_zip(
    replicas: Replicas, blobs: Sequence[BlobRef], segments: Sequence[ZipSegment], start: int, end: int
) -> Iterator[bytes]:
    """Yield the zip's bytes [start, end). Raise BlobNotFound before the first of them if a file in the range is unavailable."""
    slices = list(iter_slices(segments, start, end))
    members = {segment.member for segment, _, _ in slices if segment.member is not None}
    sources = {member: replicas.resolve(blobs[member]) for member in members}
    for segment, low, high in slices:
        if segment.member is None:
            yield segment.data[low:high]
        else:
            yield from replicas.read(sources[segment.member], low, high, check_size=False)


def build_encoded_response(
    job: EncodeJob, name: str, content_type: str, size: int | None, *, is_inline: bool = False
) -> StreamedResponse:
    """Return a file that a job encodes; `size` is None if it is unknown before encoding. Sending it ends the job."""
    return StreamedResponse(
        chunks=lambda _start, _end: job.chunks,
        name=name,
        content_type=content_type,
        size=size,
        is_inline=is_inline,
        close=job.close,
        executor=job.executor,
        stall_timeout=STALL_TIMEOUT_SECONDS,
    )

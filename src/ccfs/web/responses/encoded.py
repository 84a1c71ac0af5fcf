"""Sending files that are made meanwhile. What makes them is not known here."""

import asyncio
from typing import Any, Final

from ccfs.logs import get_logger
from ccfs.web.request import ClientDisconnected, Request
from ccfs.web.responses.fifo import open_fifo_writer
from ccfs.web.responses.types import EncodedResponse, format_content_disposition
from ccfs.web.transcode_pool import EncodeJob

STALL_TIMEOUT_SECONDS: Final = (
    120.0  # seconds that a client may take none of a piece; then it has left, as far as we care
)


async def send_encoded(request: Request, answer: EncodedResponse, protocol: Any) -> tuple[int, int]:
    """Send it as fast as it is taken, and let its place go; the status and the number of bytes."""
    headers = [
        ("content-type", answer.content_type),
        ("content-disposition", "inline" if answer.is_inline else format_content_disposition(answer.name)),
        ("accept-ranges", "none"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]
    if answer.size is not None:
        headers.append(("content-length", str(answer.size)))
    try:
        if request.method == "HEAD":
            protocol.response_empty(200, headers)
            return 200, 0
        return 200, await _send_encoded_chunks(answer.encode_job, headers, protocol)
    finally:
        await answer.encode_job.close()


async def _send_encoded_chunks(making: EncodeJob, headers: list[tuple[str, str]], protocol: Any) -> int:
    sent = 0
    async with open_fifo_writer(lambda path: protocol.response_file(200, headers, path)) as write:
        try:
            while piece := await making.next_chunk():
                await asyncio.wait_for(write(piece), STALL_TIMEOUT_SECONDS)
                sent += len(piece)
        except TimeoutError:
            raise ClientDisconnected from None
        except (ClientDisconnected, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  of whatever kind: it is too late for another answer
            get_logger().error("a file could not be made to its end", action="answer_cut", reason=repr(error))
            raise ClientDisconnected from None
    return sent

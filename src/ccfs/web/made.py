"""Sending files that are made meanwhile. What makes them is not known here."""

import asyncio
from typing import Any, Final

from ccfs.logs import log
from ccfs.web.answers import MadeFile, disposition
from ccfs.web.decks import Making
from ccfs.web.pipe import piped
from ccfs.web.request import ProtocolClosed, Request

STALLED: Final = 120.0  # seconds that a client may take none of a piece; then it has left, as far as we care


async def send_made(request: Request, answer: MadeFile, protocol: Any) -> tuple[int, int]:
    """Send it as fast as it is taken, and let its place go; the status and the number of bytes."""
    headers = [
        ("content-type", answer.content_type),
        ("content-disposition", "inline" if answer.is_inline else disposition(answer.name)),
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
        return 200, await _through(answer.making, headers, protocol)
    finally:
        await answer.making.close()


async def _through(making: Making, headers: list[tuple[str, str]], protocol: Any) -> int:
    sent = 0
    async with piped(lambda path: protocol.response_file(200, headers, path)) as write:
        try:
            while piece := await making.next():
                await asyncio.wait_for(write(piece), STALLED)
                sent += len(piece)
        except TimeoutError:
            raise ProtocolClosed from None
        except (ProtocolClosed, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  of whatever kind: it is too late for another answer
            log().error("a file could not be made to its end", action="answer_cut", reason=repr(error))
            raise ProtocolClosed from None
    return sent

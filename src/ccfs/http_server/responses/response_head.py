"""The head of a response as bytes."""

import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from ccfs.http_server.limits import RETRY_AFTER_SECONDS

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@lru_cache(1)
def _format_date(second: int) -> str:
    return formatdate(second, usegmt=True)


@lru_cache(64)
def _build_status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"


def build_head(status: int, headers: Iterable[tuple[str, str]], connection: str = "") -> bytes:
    """Return status line and headers, with Date and the given Connection. Raise ValueError if a header holds a line break."""
    lines = [_build_status_line(status), f"date: {_format_date(int(time.time()))}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if connection:
        lines.append(f"connection: {connection}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a header contains a line break")
    return f"{text}\r\n\r\n".encode("latin-1")


def build_error(status: int) -> bytes:
    """Return a whole response without a body, after which the connection ends."""
    headers = [("content-length", "0")]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("retry-after", str(RETRY_AFTER_SECONDS)))
    return build_head(status, headers, "close")

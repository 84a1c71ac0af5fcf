"""Parsing of multipart/form-data, the encoding of forms that upload a file. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from ccfs.model.errors import RequestTooLarge

MAX_PARTS: Final = 20
_BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([!-~]{1,70}?)"?\s*', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]*)"')
_FILE = re.compile(r'[;\s]filename="')


def is_multipart(content_type: str) -> bool:
    """Whether a content type is multipart/form-data."""
    return _BOUNDARY.fullmatch(content_type) is not None


def parse_multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the fields and the files of a form, by name. Raise RequestTooLarge for more than MAX_PARTS parts.

    Parts without a name are ignored.
    """
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for disposition, data in _iter_parts(content_type, body):
        name = _NAME.search(disposition)
        if name and _FILE.search(disposition):
            files[name[1]] = data
        elif name:
            fields[name[1]] = data.decode(errors="replace").replace("\0", "")
    return fields, files


def _iter_parts(content_type: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the Content-Disposition line and the bytes of each part."""
    boundary = _BOUNDARY.fullmatch(content_type)
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode()) if boundary else []
    if len(parts) > MAX_PARTS:
        raise RequestTooLarge(f"{MAX_PARTS} fields")
    for part in parts[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        dispositions = [line for line in lines if line.lower().startswith("content-disposition:")]
        if dispositions:
            yield dispositions[0], data

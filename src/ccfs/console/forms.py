"""Forms that bring a file: multipart/form-data to fields and files. Pure; nothing is kept here."""

import re
from collections.abc import Iterator
from typing import Final

from ccfs.model.errors import RequestTooLarge

MAX_PARTS: Final = 20
_BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([!-~]{1,70}?)"?\s*', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]*)"')
_FILE = re.compile(r'[;\s]filename="')


def is_multipart(content_type: str) -> bool:
    """Whether a body is of this kind."""
    return _BOUNDARY.fullmatch(content_type) is not None


def parse_multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and the files of a form, by name; what is no part of one is left out. Raises TooLarge for too many."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for head, data in _iter_parts(content_type, body):
        name = _NAME.search(head)
        if name and _FILE.search(head):
            files[name[1]] = data
        elif name:
            fields[name[1]] = data.decode(errors="replace").replace("\0", "")
    return fields, files


def _iter_parts(content_type: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The line of each part that says what it is, and its bytes."""
    boundary = _BOUNDARY.fullmatch(content_type)
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode()) if boundary else []
    if len(pieces) > MAX_PARTS:
        raise RequestTooLarge(f"{MAX_PARTS} fields")
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        said = [line for line in lines if line.lower().startswith("content-disposition:")]
        if said:
            yield said[0], data

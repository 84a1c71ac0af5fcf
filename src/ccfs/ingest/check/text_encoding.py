"""Guess the encoding of lines that are not UTF-8, for an operator to confirm with --encoding."""

from collections.abc import Iterable

_CHINESE = ("gb18030", "gbk")  # codec, name for the operator
_WESTERN = "latin-1"


def find_encoding(sample: Iterable[bytes], given: str) -> str:
    """Return the encoding given, else a likely one, if a line is not UTF-8; "" if all are."""
    foreign = [line for line in sample if not _is_decodable(line, "utf-8")]
    if not foreign:
        return ""
    if given:
        return given
    codec, name = _CHINESE
    return (
        name
        if all(_is_decodable(line, codec) and _has_ideographs(line.decode(codec)) for line in foreign)
        else _WESTERN
    )


def _is_decodable(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _has_ideographs(text: str) -> bool:
    """Return whether all letters beyond ASCII are Chinese: those of Western names become rare ones, one at a time."""
    foreign = [letter for letter in text if letter > "\x7f"]
    return len(foreign) > 1 and all("\u4e00" <= letter <= "\u9fff" for letter in foreign)

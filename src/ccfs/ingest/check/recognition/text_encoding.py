"""Guess the encoding of lines that are not UTF-8. The operator confirms it with --encoding."""

import re
from collections.abc import Iterable

_CHINESE_CODEC, _CHINESE, _WESTERN = "gb18030", "gbk", "latin-1"
_FOREIGN = re.compile(rb"[\x80-\xff]+")


def find_encoding(sample: Iterable[bytes], given: str) -> str:
    """Return the given encoding, or else a likely one if a line is not UTF-8; "" if all lines are UTF-8."""
    foreign = [line for line in sample if not _is_decodable(line, "utf-8")]
    if not foreign:
        return ""
    if given:
        return given
    return _CHINESE if all(map(_is_chinese, foreign)) else _WESTERN


def _is_chinese(line: bytes) -> bool:
    """Return whether all bytes beyond ASCII come in pairs, as in Chinese. Accented letters are single bytes."""
    return all(len(run) % 2 == 0 for run in _FOREIGN.findall(line)) and _is_decodable(line, _CHINESE_CODEC)


def _is_decodable(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True

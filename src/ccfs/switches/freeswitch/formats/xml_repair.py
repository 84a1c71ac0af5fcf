"""Repair an XML CDR that is not well-formed: drop elements whose names XML does not allow, escape bare characters.

mod_xml_cdr writes the names of channel variables as they are: mod_limit's contain `*` and `+`, a typo of the dial plan
puts a blank into one. One pass over the text, whose work grows with its length.
"""

import re
from collections import Counter
from typing import NamedTuple

MAX_REPAIR_LENGTH = 1 << 20  # characters of a document that is repaired

_TAG = re.compile(r'<[^<>"]*(?:"[^"<]*"[^<>"]*)*>')
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_START_TAG = re.compile(rf'<({_NAME})(?:\s+{_NAME}\s*=\s*"[^"<]*")*\s*(/?)>')
_END_TAG = re.compile(rf"</({_NAME})\s*>")
_DECLARATION = re.compile(r"<\?[^<>?]*\?>")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_NAMED = 5  # dropped elements that a description names
_LONG_NUMBER = re.compile(r"[0-9]{5,}")  # may be a telephone number, which no log line contains
_CONTROL_REFERENCE = re.compile(r"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]));")


class RepairedXml(NamedTuple):
    """An XML text after its repair."""

    text: str
    dropped: tuple[str, ...]  # names of elements that were dropped, each once
    escaped: int  # characters that were escaped or removed


class RepairNote(NamedTuple):
    """The parts dropped and escaped in a repair, for the log."""

    text: str


def repair_xml(text: str) -> RepairedXml:
    """Remove everything that XML does not allow. The result may still not be well-formed."""
    text, controls = _CONTROL.subn("", text)
    text, references = _CONTROL_REFERENCE.subn("", text)
    text, ampersands = _BARE_AMPERSAND.subn("&amp;", text)
    tags = [match.span() for match in _TAG.finditer(text)]
    dropped_spans, dropped = _find_misnamed_elements(text, tags)
    ends = set(dropped_spans.values())
    remaining = [(begin, end) for begin, end in tags if begin not in dropped_spans and end not in ends]
    markup = _find_balanced_tags(text, remaining)
    parts, brackets = _escape_brackets(text, dropped_spans, markup)
    return RepairedXml("".join(parts), tuple(dict.fromkeys(dropped)), controls + references + ampersands + brackets)


def describe_repair(repaired: RepairedXml) -> str:
    """Return for a log line what was dropped and escaped."""
    names = ", ".join(f"<{_LONG_NUMBER.sub('…', name[:60])}>" for name in repaired.dropped[:_MAX_NAMED])
    more = len(repaired.dropped) - _MAX_NAMED
    dropped = f"dropped {names}{f' and {more} more' if more > 0 else ''}" if names else ""
    escaped = f"escaped or removed {repaired.escaped} characters" if repaired.escaped else ""
    return "; ".join(filter(None, (dropped, escaped)))


def _find_misnamed_elements(text: str, tags: list[tuple[int, int]]) -> tuple[dict[int, int], list[str]]:
    """Return begin and end of elements without children whose name XML does not allow, and their names."""
    spans: dict[int, int] = {}
    names: list[str] = []
    position = 0
    while position + 1 < len(tags):
        (begin, name_end), (end_begin, end) = tags[position], tags[position + 1]
        name = text[begin + 1 : name_end - 1]
        closes = text[end_begin:end] == f"</{name}>"
        if closes and not re.fullmatch(_NAME, name):
            spans[begin] = end
            names.append(name)
            position += 1
        position += 1
    return spans, names


def _find_balanced_tags(text: str, tags: list[tuple[int, int]]) -> set[int]:
    """Return where tags begin that are markup: start tags whose end tag follows, and these. Others are a value's text."""
    markup: set[int] = set()
    stack: list[tuple[str, int]] = []
    names: Counter[str] = Counter()
    for begin, end in tags:
        tag = text[begin:end]
        if start := _START_TAG.fullmatch(tag):
            if start[2]:
                markup.add(begin)
            else:
                stack.append((start[1], begin))
                names[start[1]] += 1
        elif (closing := _END_TAG.fullmatch(tag)) and names[closing[1]]:
            while True:
                name, opened = stack.pop()
                names[name] -= 1
                if name == closing[1]:
                    break
            markup |= {opened, begin}
        elif _DECLARATION.fullmatch(tag):
            markup.add(begin)
    return markup


def _escape_brackets(text: str, dropped: dict[int, int], markup: set[int]) -> tuple[list[str], int]:
    """Return the text in parts, without dropped elements and with stray `<` escaped, and the number of those escaped."""
    parts: list[str] = []
    position = count = 0
    while (begin := text.find("<", position)) >= 0:
        parts.append(text[position:begin])
        if begin in dropped:
            position = dropped[begin]
            continue
        if begin in markup:
            parts.append("<")
        else:
            parts.append("&lt;")
            count += 1
        position = begin + 1
    return [*parts, text[position:]], count

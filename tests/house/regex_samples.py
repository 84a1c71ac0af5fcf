"""Hostile texts for a regular expression: what it nearly matches, with a part of it repeated.

Python's own parser of patterns shows their parts. Each text is a beginning, a unit to be repeated, and an end.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

_parser: Any = importlib.import_module("re._parser")

_COMMON = ' 0a-."\\</\n,'  # characters that many patterns treat in some way of their own
_BAD_END = "\n!"  # few patterns match it
_MAX_COPIES = 40  # of a part that must be repeated
_MAX_OWN = 8  # characters of the pattern that are repeated in pairs
_CATEGORY_SAMPLES = {
    "CATEGORY_DIGIT": "0",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "a",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_WORD": "-",
}


class HostileText(NamedTuple):
    """A text of any length."""

    begin: str
    unit: str
    end: str

    def build(self, size: int) -> str:
        """The text of about `size` characters."""
        return self.begin + self.unit * max(1, size // len(self.unit)) + self.end


class _Sample:
    """A text that a pattern matches, and where its repeated parts begin."""

    def __init__(self, branch: int) -> None:
        self.branch = branch  # which of alternative parts is chosen
        self.text = ""
        self.repeats: list[int] = [0]

    def add(self, parts: Iterable[tuple[Any, Any]]) -> None:
        for operation, argument in parts:
            self._add_part(str(operation), argument)

    def _add_part(self, operation: str, argument: Any) -> None:
        match operation:
            case "LITERAL":
                self.text += chr(argument)
            case "NOT_LITERAL":
                self.text += "b" if chr(argument) == "a" else "a"
            case "ANY":
                self.text += "a"
            case "IN":
                self.text += _pick_character(argument)
            case "BRANCH":
                self.add(argument[1][self.branch % len(argument[1])])
            case "SUBPATTERN":
                self.add(argument[-1])
            case "ATOMIC_GROUP":
                self.add(argument)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                self.repeats.append(len(self.text))
                for _ in range(min(max(int(argument[0]), 1), _MAX_COPIES)):
                    self.add(argument[2])
                self.repeats.append(len(self.text))


def _pick_character(items: Iterable[tuple[Any, Any]]) -> str:
    """A character of a class."""
    members = [(str(operation), argument) for operation, argument in items]
    if members[0][0] == "NEGATE":
        excluded = {chr(argument) for operation, argument in members if operation == "LITERAL"}
        return next(character for character in "a0 -#" if character not in excluded)
    operation, argument = members[0]
    if operation == "CATEGORY":
        return _CATEGORY_SAMPLES.get(str(argument), "a")
    return chr(argument[0] if operation == "RANGE" else argument)


def list_samples(pattern: str | bytes, flags: int = 0) -> list[_Sample]:
    """Texts that the pattern matches, apart from what it looks at around them; one for each of its alternatives."""
    tree = _parser.parse(pattern, flags)
    samples: dict[str, _Sample] = {}
    for branch in range(4):
        sample = _Sample(branch)
        sample.add(tree)
        samples.setdefault(sample.text, sample)
    return list(samples.values())


def list_hostile_texts(pattern: re.Pattern[Any]) -> list[HostileText]:
    """Texts of which a part is repeated: each part of what the pattern matches, and characters that many patterns treat."""
    found: dict[HostileText, None] = {}
    for sample in list_samples(pattern.pattern, pattern.flags & ~re.UNICODE):
        found |= dict.fromkeys(_vary(sample))
    return list(found)


def _vary(sample: _Sample) -> Iterator[HostileText]:
    text = sample.text
    own = list(dict.fromkeys(text))[:_MAX_OWN]
    characters = list(dict.fromkeys([*own, *_COMMON]))
    pairs = [first + second for first in own for second in own if first != second]
    positions = sorted({*sample.repeats, len(text)})
    pieces = [text[begin:end] for begin, end in pairwise(positions)]
    for position in positions:
        begin, rest = text[:position], text[position:]
        parts = [*(rest[:length] for length in range(1, 4)), *pieces, text]
        for unit in filter(None, dict.fromkeys([*characters, *parts, *(pairs if position in (0, len(text)) else ())])):
            for end in ("", _BAD_END, rest + _BAD_END):
                yield HostileText(begin, unit, end)

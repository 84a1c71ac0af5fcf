"""Numbers and names as a search compares them, whatever their spelling.

A telephone number is compared by its digits, any other text by its words in lower case. The *key* of a stored value is
``#`` and the digits, or the words, each with a blank before it. A search for a text becomes terms, which match a key in
one of three ways. ``list_index_keys`` returns the beginnings under which an index finds a value, so that each way is a
range of an index.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import lru_cache
from typing import Final

MIN_PART_DIGITS: Final = 3  # of a part of a number; shorter texts must be the whole number
MAX_TERMS: Final = 20  # texts of one field, separated by commas
_MAX_LENGTH: Final = 64  # characters of a key; more are left out
_MAX_WORDS: Final = 12  # of a text, by whose beginnings it is found
_MIN_NATIONAL_DIGITS: Final = 6  # of a number that is compared without its trunk prefix or country code
_MIN_INTERNATIONAL_DIGITS: Final = 10  # of a number without "+" that may begin with a country code
_ADDRESS: Final = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_TRUNK_ZERO: Final = re.compile(r"\(0\)")
_SEPARATORS: Final = dict.fromkeys(map(ord, " \t\u00a0\u2009\u202f-\u2010\u2011\u2013()/."))
_DIGITS: Final = re.compile(r"[0-9*#]{1,64}")
_TWO_DIGIT_CODES: Final = re.compile(  # ITU-T E.164; codes of 1 and 7 have one digit, all others three
    r"2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
)


class TermKind(StrEnum):
    """How a term matches a key."""

    PART = auto()  # digits anywhere in a number
    WORD = auto()  # from the beginning of any word
    START = auto()  # from the beginning of the number or text
    WHOLE = auto()  # the whole number or text


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A folded text, and how it matches."""

    kind: TermKind
    text: str

    def matches(self, key: str) -> bool:
        """Whether the term matches a value's key."""
        match self.kind:
            case TermKind.PART:
                return key.startswith("#") and self.text in key[1:]
            case TermKind.WORD:
                return f" {self.text}" in key
            case TermKind.START:
                return key[1:].startswith(self.text)
            case TermKind.WHOLE:
                return key[1:] == self.text

    @property
    def index_key(self) -> str:
        """The beginning of the index keys that the term matches; all of the key for TermKind.WHOLE."""
        return {TermKind.PART: "#", TermKind.WORD: " "}.get(self.kind, "=") + self.text

    @property
    def pattern(self) -> str:
        """The LIKE pattern of matching keys. It needs no escape: keys have letters and digits only."""
        patterns = {TermKind.PART: "#%{}%", TermKind.WORD: "% {}%", TermKind.START: "_{}%", TermKind.WHOLE: "_{}"}
        return patterns[self.kind].format(self.text)


@lru_cache(maxsize=10_000)
def fold_value(value: str) -> str:
    """Return the key of a stored number or name; empty for a text without letters and digits."""
    digits = fold_number(value)
    if digits:
        return f"#{digits}"
    words = fold_words(value)
    return f" {words}" if words else ""


def fold_number(text: str) -> str:
    """Return the digits of a telephone number, without "+" and separators; empty for any other text."""
    text = text.strip()
    if _ADDRESS.match(text):
        text = text.partition(":")[2].partition("@")[0].partition(";")[0]
    if text.startswith(("+", "00")):
        text = _TRUNK_ZERO.sub("", text)
    text = text.translate(_SEPARATORS).removeprefix("+")
    return text if _DIGITS.fullmatch(text) and any(character.isdigit() for character in text) else ""


def fold_words(text: str) -> str:
    """Return the words of a text in lower case, separated by blanks. Every Chinese or Japanese character is a word."""
    words: list[str] = []
    for character in unicodedata.normalize("NFKC", text[:_MAX_LENGTH]).casefold():
        is_word_character = character.isalnum() or unicodedata.combining(character)
        words.append(f" {character} " if _is_ideograph(character) else character if is_word_character else " ")
    return " ".join("".join(words).split())[:_MAX_LENGTH].rstrip()


def _is_ideograph(character: str) -> bool:
    return "\u3040" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"


def list_index_keys(key: str) -> list[str]:
    """Return the index keys of a value's key."""
    marker, text = key[:1], key[1:]
    if marker == "#":
        ends = range(len(text) - MIN_PART_DIGITS + 1)
        return [f"={text}", *(f"#{text[begin:]}" for begin in ends)]
    words = text.split(" ")
    return (
        [f"={text}", *(" " + " ".join(words[begin:]) for begin in range(min(len(words), _MAX_WORDS)))] if text else []
    )


def split_texts(text: str) -> list[str]:
    """Return the texts of a field: one or several, separated by commas."""
    parts = (part.strip() for part in re.split(r"[,;\uff0c\u3001]", text[:1000]))
    return list(dict.fromkeys(part for part in parts if part))[:MAX_TERMS]


def list_number_terms(text: str) -> list[SearchTerm]:
    """Return the terms that match a number, whichever of its forms is stored: with a country code, "00", or a trunk "0"."""
    digits = fold_number(text)
    if not digits:
        return list_word_terms(text)
    if len(digits) < MIN_PART_DIGITS:
        return [SearchTerm(TermKind.WHOLE, digits)]
    terms = [SearchTerm(TermKind.PART, digits), SearchTerm(TermKind.WORD, digits)]
    has_code = text.strip().startswith("+") or digits.startswith("00")
    if has_code or (not digits.startswith("0") and len(digits) >= _MIN_INTERNATIONAL_DIGITS):
        international = digits.removeprefix("00")
        if has_code and len(international) >= MIN_PART_DIGITS:
            terms.append(SearchTerm(TermKind.PART, international))
        national = _strip_country_code(international).removeprefix("0")
        if len(national) >= _MIN_NATIONAL_DIGITS:
            terms += [SearchTerm(TermKind.WHOLE, national), SearchTerm(TermKind.WHOLE, f"0{national}")]
    elif digits.startswith("0") and len(digits) > _MIN_NATIONAL_DIGITS:
        terms.append(SearchTerm(TermKind.PART, digits[1:]))
    return list(dict.fromkeys(terms))


def list_word_terms(text: str) -> list[SearchTerm]:
    """Return the term that matches texts with these words, from the beginning of a word."""
    words = fold_words(text)
    return [SearchTerm(TermKind.WORD, words)] if words else []


def list_start_terms(text: str) -> list[SearchTerm]:
    """Return the term that matches numbers that begin with these digits, or texts with these words."""
    digits = fold_number(text)
    return [SearchTerm(TermKind.START, digits)] if digits else list_word_terms(text)


def list_whole_terms(text: str) -> list[SearchTerm]:
    """Return the term that matches the whole text, in any case."""
    key = fold_value(text)
    return [SearchTerm(TermKind.WHOLE, key[1:])] if key else []


def _strip_country_code(international: str) -> str:
    if international[:1] in ("1", "7"):
        return international[1:]
    return international[2:] if _TWO_DIGIT_CODES.match(international) else international[3:]

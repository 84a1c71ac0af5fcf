"""Decimal numbers in forms, links and options. Pure."""

from typing import Final

MAX_ID: Final = 10**18 - 1  # of a row; fits the largest integer of both databases
MAX_COUNT: Final = 999_999_999  # that a link of our own hands on, for display


def parse_number(text: str, maximum: int) -> int | None:
    """Return the number that a text of ASCII digits names; None if it is something else, or over the maximum.

    It looks at no more digits than the maximum has, so the time does not depend on the text's length.
    """
    if not 0 < len(text) <= len(str(maximum)) or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if number <= maximum else None

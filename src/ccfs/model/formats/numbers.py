"""Decimal numbers in forms, links and options. Pure."""


def parse_number(text: str, maximum: int) -> int | None:
    """Return the number that a text of ASCII digits names; None if it is something else, or over the maximum.

    It looks at no more digits than the maximum has, so the time does not depend on the text's length.
    """
    if not 0 < len(text) <= len(str(maximum)) or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if number <= maximum else None

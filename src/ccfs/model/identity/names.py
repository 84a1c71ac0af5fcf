"""Names of apps, users and trusted certificates."""

from typing import Final

MAX_NAME_LENGTH: Final = 64


def is_valid_name(name: str) -> bool:
    """Return whether a text can be the name of an app or a certificate: 1 to 64 printable characters."""
    return 0 < len(name) <= MAX_NAME_LENGTH and name.isprintable()

"""Types of settings with several values, separated by commas or blanks."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BeforeValidator


def _split_list(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split_list)]
NetworkList = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split_list)]

"""The switches whose files a check recognises."""

from enum import StrEnum


class SwitchKind(StrEnum):
    """The switches, as the subcommands of `ccfs ingest` name them."""

    ASTERISK = "asterisk"
    FREESWITCH = "freeswitch"
    CCFS = "ccfs"

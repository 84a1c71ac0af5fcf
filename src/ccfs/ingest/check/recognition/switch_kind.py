"""The kinds of switches that a check recognises."""

from enum import StrEnum


class SwitchKind(StrEnum):
    """The switches, named like the subcommands of `ccfs ingest`."""

    ASTERISK = "asterisk"
    FREESWITCH = "freeswitch"
    CCFS = "ccfs"

"""Files that a simulated switch has left, and what is known of their calls."""

from dataclasses import dataclass
from pathlib import Path

from tests.field.scenarios.truth import CallTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCall:
    """A call's truth, and where it is in the files."""

    truth: CallTruth
    first_id: str  # of the channel that began the call
    ids: frozenset[str]  # of all its channels
    recording: str = ""  # name of its file; "" if it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """The files of a switch."""

    switch: str  # "asterisk" or "freeswitch"
    arguments: list[object]  # of `ccfs ingest`, without those of the owner and of the recordings
    recordings: Path
    calls: list[KnownCall]

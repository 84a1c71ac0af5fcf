"""Reading the samples: their bytes, and what the parser finds in them."""

from pathlib import Path
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord, parse_cdr_data
from ccfs.switches.records import QueueVisit, UnreadableLine

LONDON = ZoneInfo("Europe/London")
_SAMPLES = Path(__file__).parent / "samples"


def read_sample(name: str) -> bytes:
    return (_SAMPLES / name).read_bytes()


def parse_sample(data: bytes, zone: ZoneInfo = LONDON) -> list[FreeSwitchRecord]:
    return [one for _, one in parse_cdr_data(data, zone=zone)]


def parse_channels(*data: bytes, zone: ZoneInfo = LONDON) -> list[ChannelLeg]:
    """The channels in some files; none of them may be unreadable."""
    everything = [one for piece in data for one in parse_sample(piece, zone)]
    assert not [one for one in everything if isinstance(one, UnreadableLine)]
    return [one for one in everything if isinstance(one, ChannelLeg)]


def parse_visits(data: bytes) -> list[QueueVisit]:
    return [one for one in parse_sample(data) if isinstance(one, QueueVisit)]


def parse_reasons(data: bytes) -> list[tuple[int, str]]:
    """Lines that cannot be parse_cdr_data, and why."""
    return [(line, str(one)) for line, one in parse_cdr_data(data, zone=LONDON) if isinstance(one, UnreadableLine)]

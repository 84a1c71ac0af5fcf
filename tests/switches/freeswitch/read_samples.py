"""Read and parse the samples."""

from pathlib import Path
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord, parse_cdr_data
from ccfs.switches.records import QueueVisit, UnreadableLine

LONDON = ZoneInfo("Europe/London")
_SAMPLES = Path(__file__).parent / "samples"


def read_sample(name: str) -> bytes:
    return (_SAMPLES / name).read_bytes()


def parse_sample(data: bytes, zone: ZoneInfo = LONDON) -> list[FreeSwitchRecord]:
    return [record for _, record in parse_cdr_data(data, zone=zone)]


def parse_channels(*data: bytes, zone: ZoneInfo = LONDON) -> list[ChannelLeg]:
    """Return the channels of some files. No line may be unreadable."""
    records = [record for file in data for record in parse_sample(file, zone)]
    assert not [record for record in records if isinstance(record, UnreadableLine)]
    return [record for record in records if isinstance(record, ChannelLeg)]


def parse_visits(data: bytes) -> list[QueueVisit]:
    return [record for record in parse_sample(data) if isinstance(record, QueueVisit)]


def parse_reasons(data: bytes) -> list[tuple[int, str]]:
    """Return numbers and reasons of unreadable lines."""
    return [
        (line, str(record)) for line, record in parse_cdr_data(data, zone=LONDON) if isinstance(record, UnreadableLine)
    ]

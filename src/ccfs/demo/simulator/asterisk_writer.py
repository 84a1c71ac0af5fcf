"""The simulated calls as Asterisk writes them: lines of cdr_csv and queue_log, names of recordings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ccfs.demo.simulator.events import Journal, QueueEvent, SimulatedCdr, SimulatedChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDay:
    """A day in the time zone of the switch."""

    day: date
    zone: ZoneInfo

    def to_epoch(self, hours: float) -> int:
        """Return the epoch second of a local time, in hours after midnight."""
        wall = datetime.combine(self.day, time()) + timedelta(hours=hours)
        return int(wall.replace(tzinfo=self.zone).timestamp())

    def to_local_time(self, second: int) -> datetime:
        return datetime.fromtimestamp(second, self.zone)


class AsteriskWriter:
    """Formats a journal. The columns are those of cdr_csv with loguniqueid, loguserfield and newcdrcolumns."""

    def __init__(self, local_day: LocalDay, journal: Journal) -> None:
        created = sorted(journal.channels, key=lambda channel: channel.created_at)
        started = sorted(journal.cdrs, key=lambda cdr: cdr.start)
        hung_up: dict[SimulatedChannel, int] = {}
        for cdr in started:
            hung_up[cdr.channel] = max(cdr.end, hung_up.get(cdr.channel, 0))
        self._local_day = local_day
        self._channel_numbers = {channel: number for number, channel in enumerate(created, 1)}
        # Asterisk numbers lines as they begin, and writes all lines of a channel when it hangs up.
        self._numbered_cdrs = sorted(enumerate(started, 1), key=lambda line: (hung_up[line[1].channel], line[0]))
        self._events = sorted(journal.events, key=lambda event: event.timestamp)

    def format_cdrs(self) -> str:
        """Return the CDR file."""
        return "".join(",".join(self._iter_cdr_columns(cdr, sequence)) + "\n" for sequence, cdr in self._numbered_cdrs)

    def format_queue_log(self) -> str:
        """Return the queue log."""
        return "".join("|".join(self._iter_event_fields(event)) + "\n" for event in self._events)

    def iter_recorded_cdrs(self) -> Iterator[SimulatedCdr]:
        """Yield the CDRs that have a recording."""
        return (cdr for _, cdr in self._numbered_cdrs if cdr.recording)

    def get_recording_folder(self, cdr: SimulatedCdr) -> str:
        """Return the folder of a CDR's recording: "2024/01/15"."""
        return f"{self._local_day.to_local_time(cdr.channel.created_at):%Y/%m/%d}"

    def get_recording_name(self, cdr: SimulatedCdr) -> str:
        """Return the name of a CDR's recording in the style of FreePBX, "" if it has none."""
        if cdr.recording is None:
            return ""
        created = self._local_day.to_local_time(cdr.channel.created_at)
        return f"{cdr.recording.name_prefix}-{created:%Y%m%d-%H%M%S}-{self._get_unique_id(cdr.channel)}.wav"

    def _iter_cdr_columns(self, cdr: SimulatedCdr, sequence: int) -> Iterator[str]:
        account = ""
        yield from map(_quote, (account, cdr.src, cdr.dst, cdr.context, f'"{cdr.name}" <{cdr.src}>'))
        yield from map(
            _quote, (self._get_channel_name(cdr.channel), self._get_channel_name(cdr.dst_channel), cdr.app, cdr.data)
        )
        yield from map(self._format_time, (cdr.start, cdr.answer, cdr.end))
        yield str(cdr.end - cdr.start)
        yield str(0 if cdr.answer is None else cdr.end - cdr.answer)
        yield from map(
            _quote, (cdr.disposition, "DOCUMENTATION", self._get_unique_id(cdr.channel), self._format_userfield(cdr))
        )
        yield from map(_quote, (account, self._get_unique_id(cdr.channel)))
        yield str(sequence)

    def _iter_event_fields(self, event: QueueEvent) -> Iterator[str]:
        yield str(event.timestamp)
        yield self._format_argument(event.call)
        yield from (event.queue, event.member, event.event)
        yield from map(self._format_argument, event.arguments)

    def _format_userfield(self, cdr: SimulatedCdr) -> str:
        return f"audio:{self.get_recording_name(cdr)}" if cdr.recording and cdr.recording.is_named else ""

    def _format_argument(self, value: SimulatedChannel | str | int) -> str:
        return self._get_unique_id(value) if isinstance(value, SimulatedChannel) else str(value)

    def _get_unique_id(self, channel: SimulatedChannel) -> str:
        return f"{channel.created_at}.{self._channel_numbers[channel]}"

    def _get_channel_name(self, channel: SimulatedChannel | None) -> str:
        return f"PJSIP/{channel.endpoint}-{self._channel_numbers[channel]:08x}" if channel else ""

    def _format_time(self, second: int | None) -> str:
        return "" if second is None else _quote(f"{self._local_day.to_local_time(second):%Y-%m-%d %H:%M:%S}")


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'

"""The demo's calls as Asterisk writes them: lines of cdr_csv and queue_log, names of recordings. Values in, text out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ccfs.demo.journal import Cdr, Channel, Journal, QueueEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDay:
    """A day where the switch stands."""

    day: date
    zone: ZoneInfo

    def at(self, hours: float) -> int:
        """The epoch second at which the clock on the wall shows so many hours after midnight."""
        wall = datetime.combine(self.day, time()) + timedelta(hours=hours)
        return int(wall.replace(tzinfo=self.zone).timestamp())

    def local(self, second: int) -> datetime:
        return datetime.fromtimestamp(second, self.zone)


class Pen:
    """Writes one journal down. Columns are cdr_csv's with loguniqueid, loguserfield and newcdrcolumns switched on."""

    def __init__(self, place: LocalDay, journal: Journal) -> None:
        made = sorted(journal.channels, key=lambda channel: channel.made)
        begun = sorted(journal.cdrs, key=lambda cdr: cdr.start)
        hung_up: dict[Channel, int] = {}
        for cdr in begun:
            hung_up[cdr.channel] = max(cdr.end, hung_up.get(cdr.channel, 0))
        self._place = place
        self._numbers = {channel: number for number, channel in enumerate(made, 1)}
        # Asterisk numbers lines as they begin, and writes all lines of a channel when it hangs up.
        self._lines = sorted(enumerate(begun, 1), key=lambda line: (hung_up[line[1].channel], line[0]))
        self._events = sorted(journal.events, key=lambda event: event.at)

    def master(self) -> str:
        """The whole CDR file."""
        return "".join(",".join(self._columns(cdr, sequence)) + "\n" for sequence, cdr in self._lines)

    def queue_log(self) -> str:
        """The whole queue log."""
        return "".join("|".join(self._fields(event)) + "\n" for event in self._events)

    def recorded(self) -> Iterator[Cdr]:
        """The lines that have a recording."""
        return (cdr for _, cdr in self._lines if cdr.recording)

    def folder(self, cdr: Cdr) -> str:
        """Where the recording of a line lies: "2024/01/15"."""
        return f"{self._place.local(cdr.channel.made):%Y/%m/%d}"

    def file_name(self, cdr: Cdr) -> str:
        """The name of a line's recording, as FreePBX makes them; "" if it has none."""
        if cdr.recording is None:
            return ""
        made = self._place.local(cdr.channel.made)
        return f"{cdr.recording.kind}-{made:%Y%m%d-%H%M%S}-{self._unique_id(cdr.channel)}.wav"

    def _columns(self, cdr: Cdr, sequence: int) -> Iterator[str]:
        account = ""
        yield from map(_quoted, (account, cdr.src, cdr.dst, cdr.context, f'"{cdr.name}" <{cdr.src}>'))
        yield from map(_quoted, (self._name(cdr.channel), self._name(cdr.other), cdr.app, cdr.data))
        yield from map(self._time, (cdr.start, cdr.answer, cdr.end))
        yield str(cdr.end - cdr.start)
        yield str(0 if cdr.answer is None else cdr.end - cdr.answer)
        yield from map(_quoted, (cdr.disposition, "DOCUMENTATION", self._unique_id(cdr.channel), self._userfield(cdr)))
        yield from map(_quoted, (account, self._unique_id(cdr.channel)))
        yield str(sequence)

    def _fields(self, event: QueueEvent) -> Iterator[str]:
        yield str(event.at)
        yield self._word(event.call)
        yield from (event.queue, event.member, event.event)
        yield from map(self._word, event.arguments)

    def _userfield(self, cdr: Cdr) -> str:
        return f"audio:{self.file_name(cdr)}" if cdr.recording and cdr.recording.named else ""

    def _word(self, word: Channel | str | int) -> str:
        return self._unique_id(word) if isinstance(word, Channel) else str(word)

    def _unique_id(self, channel: Channel) -> str:
        return f"{channel.made}.{self._numbers[channel]}"

    def _name(self, channel: Channel | None) -> str:
        return f"PJSIP/{channel.endpoint}-{self._numbers[channel]:08x}" if channel else ""

    def _time(self, second: int | None) -> str:
        return "" if second is None else _quoted(f"{self._place.local(second):%Y-%m-%d %H:%M:%S}")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'

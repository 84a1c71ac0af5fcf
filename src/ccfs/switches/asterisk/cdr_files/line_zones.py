"""Check each CDR line's zone by its uniqueid, which contains the second in which the channel was created."""

from collections import OrderedDict

from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.cdr_files.clock import (
    format_offset,
    list_possible_instants,
    parse_channel_epoch,
    parse_local_seconds,
)

QUARTER_SECONDS = 900  # offsets of zones are multiples of it
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = -2, 120  # from a channel's creation to its first line
_MAX_CHANNELS = 10_000  # channels that are remembered
_MAX_OFFSET_SECONDS = 14 * 3600


class LineZones:
    """Chooses the zone of each line: the file's, or the offset that the line's uniqueid proves."""

    def __init__(self, zone: str, *, is_given: bool = False) -> None:
        self.zone = zone
        self._is_given = is_given  # by the operator, who overrules the lines
        self.deviating: set[str] = set()  # offsets of lines that were not the zone's
        self._channels: OrderedDict[str, None] = OrderedDict()

    def choose(self, row: AsteriskCdrRow) -> str:
        """Return the zone of a line. Raise UnreadableLine if its start is no time.

        A line cannot start before its channel was created: its offset is another one. A line that starts some quarters of
        an hour later has another offset only if it is the first of the channel that began the call, because later lines
        of a channel start at any time.
        """
        epoch, local = parse_channel_epoch(row.uniqueid), parse_local_seconds(row.start)
        if epoch is None or local is None or self._is_given:
            return self.zone
        is_first = row.uniqueid not in self._channels
        self._remember(row.uniqueid)
        delays = [instant.timestamp() - epoch for instant in list_possible_instants(row.start, self.zone, "start")]
        if any(MIN_DELAY_SECONDS <= delay <= MAX_DELAY_SECONDS for delay in delays):
            return self.zone
        if delays[0] > 0 and not (is_first and row.linkedid in ("", row.uniqueid)):
            return self.zone
        offset = find_offset(local, epoch)
        if offset is None:
            return self.zone
        self.deviating.add(format_offset(offset))
        return format_offset(offset)

    def _remember(self, unique_id: str) -> None:
        self._channels[unique_id] = None
        if len(self._channels) > _MAX_CHANNELS:
            self._channels.popitem(last=False)


def find_offset(local: int, epoch: int) -> int | None:
    """Return the offset of a local time from an instant in whole quarters of an hour; None if it is not a whole number."""
    offset = (local - epoch - MIN_DELAY_SECONDS) // QUARTER_SECONDS * QUARTER_SECONDS
    delay = local - epoch - offset
    is_plausible = delay <= MAX_DELAY_SECONDS and abs(offset) <= _MAX_OFFSET_SECONDS
    return offset if is_plausible else None

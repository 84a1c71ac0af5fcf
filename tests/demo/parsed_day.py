"""How the tests read a day of the demo: by the product's own parsers, as ingest does. No expectations here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccfs.demo.switch import DayFiles
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches import queue_merge
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import AsteriskCdrFormat
from ccfs.switches.records import AgentEvent, Leg, QueueVisit, ZoneGuess


@dataclass(frozen=True, kw_only=True)
class ParsedDay:
    """A day as the product reads it."""

    zone_guess: ZoneGuess
    rows: list[cdr.AsteriskCdrRow]
    legs: list[Leg]  # with what the queue log tells of them
    visits: dict[tuple[str, str], QueueVisit]
    events: list[AgentEvent]  # each once

    def get_talk_span(self, leg: Leg) -> tuple[float, float] | None:
        """Epoch seconds from which and until which a leg's device talked."""
        times = queue_merge.compute_cdr_times(leg, self.visits.get((leg.switch_leg_id, leg.queue)))
        if times.call_begin is None or times.call_end is None:
            return None
        return times.call_begin.timestamp(), times.call_end.timestamp()

    def list_device_legs(self, device: DeviceType) -> list[Leg]:
        return [leg for leg in self.legs if leg.device_type == device]


def parse_day(day: DayFiles, zone_name: str) -> ParsedDay:
    """Every line of a day; UnreadableLine if one of them is refused."""
    lines = day.cdr.read_bytes().splitlines(keepends=True)
    layout = cdr.detect_layout(lines) if lines else cdr.CdrLayout(names=())
    rows = [row for row in (cdr.parse_row(line, layout) for line in lines) if row is not None]
    zoned = zone.detect_zone(zone.collect_samples(rows), zone_name)
    known, events = _parse_queue_log(day.queue_log)
    legs = [calls.parse_leg(line, AsteriskCdrFormat(layout=layout, zone=zoned.zone)) for line in lines]
    told = [queue_merge.apply_visit(leg, known.get((leg.switch_leg_id, leg.queue))) for leg in legs if leg is not None]
    return ParsedDay(zone_guess=zoned, rows=rows, legs=told, visits=known, events=events)


def iter_queue_lines(file: Path) -> Iterator[queue_log.QueueLine]:
    for text in file.read_bytes().splitlines(keepends=True):
        line = queue_log.parse_line(text)
        assert line is not None
        yield line


def _parse_queue_log(file: Path) -> tuple[dict[tuple[str, str], QueueVisit], list[AgentEvent]]:
    known: dict[tuple[str, str], QueueVisit] = {}
    events: dict[str, AgentEvent] = {}
    for line in iter_queue_lines(file):
        event, visit = queue_log.extract_agent_event(line), queue_log.extract_queue_visit(line)
        if event:
            events.setdefault(event.source_key, event)
        if visit:
            key = (visit.switch_leg_id, visit.queue)
            known[key] = queue_log.combine_visits(known[key], visit) if key in known else visit
    return known, list(events.values())

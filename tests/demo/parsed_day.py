"""Parsing a simulated day with the parsers of ccfs, as ingest does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccfs.demo.simulator.day import DayFiles
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches import queue_merge
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.cdr_files import cdr, zone
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskCdrFormat
from ccfs.switches.records import AgentEvent, Leg, QueueVisit, ZoneGuess


@dataclass(frozen=True, kw_only=True)
class ParsedDay:
    """The parsed files of a day."""

    zone_guess: ZoneGuess
    rows: list[cdr.AsteriskCdrRow]
    legs: list[Leg]  # merged with the queue log
    visits: dict[tuple[str, str], QueueVisit]
    events: list[AgentEvent]  # without duplicates

    def get_talk_span(self, leg: Leg) -> tuple[float, float] | None:
        """Return begin and end of a leg's talk in epoch seconds."""
        times = queue_merge.compute_cdr_times(leg, self.visits.get((leg.switch_leg_id, leg.queue)))
        if times.call_begin is None or times.call_end is None:
            return None
        return times.call_begin.timestamp(), times.call_end.timestamp()

    def list_device_legs(self, device: DeviceType) -> list[Leg]:
        return [leg for leg in self.legs if leg.device_type == device]


def parse_day(day: DayFiles, zone_name: str) -> ParsedDay:
    """Parse every line of a day. Raise UnreadableLine for an invalid one."""
    lines = day.cdr.read_bytes().splitlines(keepends=True)
    layout = cdr.detect_layout(lines) if lines else cdr.CdrLayout(names=())
    rows = [row for row in (cdr.parse_row(line, layout) for line in lines) if row is not None]
    zone_guess = zone.detect_zone(zone.collect_samples(rows), zone_name)
    visits, events = _parse_queue_log(day.queue_log)
    legs = [cdr_legs.parse_leg(line, AsteriskCdrFormat(layout=layout, zone=zone_guess.zone)) for line in lines]
    merged = [
        queue_merge.apply_visit(leg, visits.get((leg.switch_leg_id, leg.queue))) for leg in legs if leg is not None
    ]
    return ParsedDay(zone_guess=zone_guess, rows=rows, legs=merged, visits=visits, events=events)


def iter_queue_lines(file: Path) -> Iterator[queue_log.QueueLine]:
    for text in file.read_bytes().splitlines(keepends=True):
        line = queue_log.parse_line(text)
        assert line is not None
        yield line


def _parse_queue_log(file: Path) -> tuple[dict[tuple[str, str], QueueVisit], list[AgentEvent]]:
    visits: dict[tuple[str, str], QueueVisit] = {}
    events: dict[str, AgentEvent] = {}
    for line in iter_queue_lines(file):
        event, visit = queue_log.extract_agent_event(line), queue_log.extract_queue_visit(line)
        if event:
            events.setdefault(event.source_key, event)
        if visit:
            key = (visit.switch_leg_id, visit.queue)
            visits[key] = queue_log.combine_visits(visits[key], visit) if key in visits else visit
    return visits, list(events.values())

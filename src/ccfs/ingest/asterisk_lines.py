"""Parse the lines of Asterisk's files: detect and remember their columns and zone, check the zone of each line."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccfs.db.tenant.calls import device_numbers
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest import sources
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.ingest.sources import LineSource
from ccfs.ingest.tenants.routers import TenantRouter, group_by_app
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import queue_log, queue_log_table
from ccfs.switches.asterisk.cdr_files import cdr, clock, zone
from ccfs.switches.asterisk.cdr_files.cdr import CdrLayout
from ccfs.switches.asterisk.cdr_files.csv_dialect import CsvDialect
from ccfs.switches.asterisk.cdr_files.line_zones import LineZones
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN, AgentMatcher
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.records import UnreadableLine

NumberedLeg = tuple[NumberedLine, AsteriskLeg]
NumberedQueueLine = tuple[NumberedLine, QueueLine]

_BLANK_BYTES = b"\xef\xbb\xbf \t\r\n"  # with the byte order mark


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSource:
    """The switch's files or tables, and the operator's overrides."""

    cdr: LineSource
    recordings: Sequence[Path] = ()  # folders
    queue_log: LineSource | None = None
    cel: Path | None = None  # channel event log
    columns: str | None = None  # "clid,src,…" where the order is neither cdr-csv's nor cdr_custom's
    encoding: str = ""  # of texts that are not UTF-8
    zone: str | None = None  # IANA name; None: detected by the uniqueids
    agent_pattern: re.Pattern[str] = field(default=re.compile(AGENT_NUMBER_PATTERN, re.ASCII))  # of agents' numbers
    router: TenantRouter | None = None  # of the tenant rules, where the switch has many tenants


class LegParser:
    """Parses batches of CDR lines. The first batch detects the format, so that an idle watch never does."""

    def __init__(self, run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
        self._run, self._owner, self._source = run, owner, source
        self._layout: CdrLayout | None = None
        self._zones: LineZones | None = None
        self._zone_basis = ""
        self._agents: AgentMatcher | None = None
        self._name = sources.get_name(source.cdr)

    def __call__(self, batch: LineBatch) -> tuple[list[NumberedLeg], list[IngestRejection]]:
        if not any(line.strip(_BLANK_BYTES) for _, line in batch.lines):
            return [], []
        zones = self._detect([line for _, line in batch.lines[:50]])
        self._agents = self._agents or self._load_agents()
        result = tail_reader.parse_lines(batch, self._parse_line)
        if zones.deviating:
            offsets = " and ".join(sorted(zones.deviating))
            self._run.warn(
                f"{self._name}: by their uniqueids, the times of some lines are {offsets}, not {zones.zone}'s"
            )
        return result

    def is_open(self, line: bytes) -> bool:
        """Return whether a record continues in the next line."""
        if line.count(b'"') % 2 == line.count(b"'") % 2 == 0 and not line.rstrip(b"\r\n").endswith(b"\\"):
            return False
        try:
            return self._find_layout([]).is_open(line)
        except UnreadableLine:
            return False

    def is_record(self, line: bytes) -> bool:
        """Return whether the line is a complete record."""
        return self._find_layout([]).is_record(line)

    def describe(self) -> str:
        """Return zone, the evidence for it, columns and dialect as JSON."""
        if self._layout is None or self._zones is None:
            return ""
        layout = self._layout
        zone_facts = {"zone": self._zones.zone, "basis": self._zone_basis}
        dates = {"dates": layout.date_order} if layout.date_order else {}
        return json.dumps(zone_facts | dates | {"columns": layout.names, "dialect": layout.dialect})

    def find_zone(self) -> str:
        """Return the zone of the CDR file's local times. If it has no lines yet, use that of earlier files or the account's."""
        try:
            return self._detect([]).zone
        except UnreadableLine:
            return self._source.zone or self._find_known_zone() or self._owner.account.zone

    def _parse_line(self, line: bytes) -> AsteriskLeg | None:
        assert self._layout is not None
        assert self._zones is not None
        assert self._agents is not None
        row = cdr.parse_row(line, self._layout)
        if row is None:
            return None
        leg = cdr_legs.build_leg(row, self._zones.choose(row), self._agents)
        if clock.is_clock_set_back(row):
            self._run.warn(
                f"{self._name}: the clock was set back during the call of {row.start}: it ends when it begins"
            )
        return leg

    def _detect(self, lines: Sequence[bytes]) -> LineZones:
        """Detect columns and zone, of the lines of a batch, too: after a rotation, the new file may be empty."""
        if self._zones is not None:
            return self._zones
        layout = self._find_layout(lines)
        sample = sources.sample_lines(self._source.cdr) + list(lines)
        rows = cdr.parse_sample(sample, layout)
        is_local = not rows or any(clock.parse_local_seconds(row.start) is not None for row in rows)
        samples = zone.collect_samples(rows) or zone.collect_queue_samples(rows, self._list_queue_entries())
        samples = samples or zone.collect_offset_samples(rows)
        guess = zone.detect_zone(
            samples, self._owner.account.zone, self._source.zone, known=self._find_known_zone(), is_local=is_local
        )
        self._run.warn(f"{self._name}: {guess.report}" if guess.report else "")
        self._zone_basis = guess.basis
        self._zones = LineZones(guess.zone, is_given=self._source.zone is not None)
        return self._zones

    def _load_agents(self) -> AgentMatcher:
        with self._run.database.read_transaction() as connection:
            names = [
                device_numbers.list_names(
                    connection, owners[0].app, [owner.account.account_id for owner in owners], DeviceType.AGENT
                )
                for owners in group_by_app(self._source.router.list_owners() if self._source.router else [self._owner])
            ]
        return AgentMatcher(pattern=self._source.agent_pattern, known_agents=frozenset[str]().union(*names))

    def _find_layout(self, lines: Sequence[bytes]) -> CdrLayout:
        """Return the layout of the file's lines, or of lines read earlier from this file. Raise UnreadableLine."""
        if self._layout is None:
            sample = sources.sample_lines(self._source.cdr) + list(lines)
            encoding = sources.get_encoding(self._source.cdr, self._source.encoding)
            try:
                self._layout = cdr.detect_layout(sample, self._source.columns, encoding)
            except UnreadableLine:
                known = self._load_formats().get(self._name)
                if known is None:
                    raise
                delimiter, quote, has_escapes = known["dialect"]
                dialect = CsvDialect(delimiter, quote, bool(has_escapes))
                self._layout = CdrLayout(
                    tuple(known["columns"]), dialect=dialect, encoding=encoding, date_order=known.get("dates", "")
                )
        return self._layout

    def _find_known_zone(self) -> str:
        """Return the zone detected before in this file or its folder, otherwise the zone of the account's only file."""
        formats = self._load_formats()
        if self._name in formats:
            return str(formats[self._name]["zone"])
        folder = sources.get_folder(self._source.cdr)
        near = [known["zone"] for name, known in formats.items() if name.startswith(f"{folder}/")]
        zones = {known["zone"] for known in formats.values()}
        return str(near[0]) if near else str(zones.pop()) if len(zones) == 1 else ""

    def _load_formats(self) -> dict[str, dict[str, Any]]:
        with self._run.database.read_transaction() as connection:
            rows = ingest_state.list_formats(connection, self._owner.app, self._owner.account.account_id)
        return {path: known for path, text in rows if "zone" in (known := json.loads(text))}

    def _list_queue_entries(self) -> list[tuple[str, int]]:
        """Return the queues that callers entered and the seconds, from a sample of the queue log."""
        if self._source.queue_log is None:
            return []
        entries = []
        for raw in sources.sample_lines(self._source.queue_log):
            try:
                line = queue_log.parse_line(raw)
            except UnreadableLine:
                continue
            if line is not None and line.event == "ENTERQUEUE":
                entries.append((line.queue, int(line.occurred_at.timestamp())))
        return entries


class QueueLineParser:
    """Parses batches of queue log lines from Asterisk's file or, as CSV, from its realtime table."""

    def __init__(self, source: AsteriskSource, find_zone: Callable[[], str]) -> None:
        self._source, self._find_zone = source, find_zone
        self._layout: queue_log_table.QueueTableLayout | None = None
        self._is_detected, self._encoding = False, ""

    def __call__(self, batch: LineBatch) -> tuple[list[NumberedQueueLine], list[IngestRejection]]:
        if not self._is_detected and self._source.queue_log is not None:
            sample = sources.sample_lines(self._source.queue_log) + [line for _, line in batch.lines[:50]]
            self._encoding = sources.get_encoding(self._source.queue_log, self._source.encoding)
            self._layout = queue_log_table.detect_layout(sample, self._encoding)
            self._is_detected = True
        layout, encoding = self._layout, self._encoding
        if layout is None:
            return tail_reader.parse_lines(batch, lambda line: queue_log.parse_line(line, encoding))
        zone_name = self._find_zone() if layout.has_local_times else "UTC"
        return tail_reader.parse_lines(batch, lambda line: queue_log_table.parse_line(line, layout, zone_name))

"""Ingest Asterisk's channel event log (CEL): detect and remember its columns, parse its lines, correct the calls."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.calls.channel_histories import merge_histories
from ccfs.ingest.calls.rebuild import rebuild_for_histories
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.ingest.tenants.assignment import RecordAssigner
from ccfs.ingest.tenants.call_records import build_history_record
from ccfs.switches.asterisk import cel
from ccfs.switches.asterisk.cdr_files import zone
from ccfs.switches.asterisk.cdr_files.csv_dialect import CsvDialect
from ccfs.switches.asterisk.cel import CelLayout
from ccfs.switches.asterisk.legs.channel_history import ChannelHistory

_ParsedLines = tuple[list[tuple[NumberedLine, ChannelHistory]], list[IngestRejection]]


def ingest_channel_events(
    run: IngestRun,
    owner: CallOwner,
    source: AsteriskSource,
    find_zone: Callable[[], str],
    assigner: RecordAssigner | None = None,
) -> None:
    """Ingest new lines; with an assigner, for the owners of their calls.

    Raise OSError if the file cannot be opened, UnreadableLine if it is not a channel event log.
    """
    if source.cel is not None:
        parser = CelParser(run, owner, source, source.cel, find_zone)
        tail_reader.ingest_file(run, owner, source.cel, parser, partial(_save_lines, run, owner, assigner), parser)


class CelParser:
    """Parses batches of lines. `find_zone` returns the zone of the switch's local times, as detected from its CDRs."""

    def __init__(
        self, run: IngestRun, owner: CallOwner, source: AsteriskSource, path: Path, find_zone: Callable[[], str]
    ) -> None:
        self._run, self._owner, self._source, self._path = run, owner, source, path
        self._find_switch_zone = find_zone
        self._layout: CelLayout | None = None
        self._seen = 0  # lines by which the layout was detected
        self._zone = ""

    def __call__(self, batch: LineBatch) -> _ParsedLines:
        lines = [line for _, line in batch.lines[:50]]
        if not any(line.strip() for line in lines):
            return [], []
        if self._layout is None:
            written = [line for line in tail_reader.sample_lines(self._path) if line.endswith(b"\n")]
            sample = list(dict.fromkeys(written + lines))
            self._layout = self._find_layout(sample)
            self._zone = self._detect_zone(cel.collect_samples(sample, self._layout))
        layout, zone_name = self._layout, self._zone
        numbered, rejections = tail_reader.parse_lines(batch, lambda line: cel.parse_line(line, layout, zone_name))
        return numbered, rejections

    def is_open(self, line: bytes) -> bool:
        """Return whether a record continues in the next line. Asterisk never writes such records."""
        return False

    def is_record(self, line: bytes) -> bool:
        """Return whether the line is a complete record. All lines of Asterisk are."""
        return True

    def describe(self) -> str:
        """Return columns and dialect as JSON."""
        if self._layout is None:
            return ""
        layout = self._layout
        facts = {"cel": layout.columns, "dialect": layout.dialect, "header": layout.header, "lines": self._seen}
        return json.dumps(facts)

    def _find_layout(self, sample: list[bytes]) -> CelLayout:
        """Return the sample's layout, or the earlier one if it still fits and was detected from more lines.

        Those lines need not have shown each column: the first ones of a log have no details.
        """
        known, seen = self._load_layout()
        if known and seen >= len(sample) and cel.fits(sample, known):
            self._seen = seen
            return cel.add_detail_column(known, sample)
        self._seen = len(sample)
        return cel.detect_layout(sample, self._source.encoding)

    def _load_layout(self) -> tuple[CelLayout | None, int]:
        with self._run.database.read_transaction() as connection:
            formats = dict(ingest_state.list_formats(connection, self._owner.app, self._owner.account.account_id))
        known = json.loads(formats.get(to_db_path(self._path), "{}"))
        if "cel" not in known:
            return None, 0
        delimiter, quote, has_escapes = known["dialect"]
        names = ("event", "time", "channel", "leg_id", "call_id", "extra")
        layout = CelLayout(
            **dict(zip(names, known["cel"], strict=True)),
            header=known["header"],
            dialect=CsvDialect(delimiter, quote, bool(has_escapes)),
            encoding=self._source.encoding,
        )
        return layout, known["lines"]

    def _detect_zone(self, samples: list[zone.ZoneSample]) -> str:
        known = self._find_switch_zone()
        return zone.detect_zone(samples, self._owner.account.zone, self._source.zone, known=known).zone


def _save_lines(
    run: IngestRun, owner: CallOwner, assigner: RecordAssigner | None, connection: Connection, parsed: _ParsedLines
) -> None:
    numbered, rejections = parsed
    if assigner is None:
        save_own_histories(run, connection, owner, [history for _, history in numbered])
    else:
        assigner.assign(connection, [build_history_record(line, history) for line, history in numbered])
    run.reject(connection, owner.app, rejections)


def save_own_histories(
    run: IngestRun, connection: Connection, owner: CallOwner, histories: Sequence[ChannelHistory]
) -> None:
    """Save histories of the owner's channels, and rebuild their calls."""
    rebuild_for_histories(connection, run, owner, merge_histories(connection, owner, histories))

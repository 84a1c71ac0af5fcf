"""Dry run over the files of Asterisk: CDR files, the first with the queue log, then channel events, then recordings."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.switch_tables.connection import SwitchDatabaseError
from ccfs.db.tenant.ingest import ingest_overview
from ccfs.ingest import asterisk
from ccfs.ingest.asterisk_lines import AsteriskSource, LegParser
from ccfs.ingest.check.recognition.sources import (
    FileSeries,
    find_channel_events,
    find_queue_log,
    list_cdr_series,
    list_recordings_folders,
)
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.check.runs.scratch_site import ScratchSite
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun
from ccfs.ingest.context import CallOwner, IngestResult, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.sources import LineSource
from ccfs.model.source_files import FilePosition
from ccfs.switches.records import Leg, UnreadableLine

_ACCOUNT = "asterisk"
_SAME_SHARE = 0.9  # of sampled lines whose calls are known: from it on, a file holds the same calls as another
_SAME_SHARE_WITHOUT_IDS = 0.1  # its lines would become calls of their own
_SPOTS, _LINES = 20, 10  # of the sample


def run_asterisk(site: ScratchSite, survey: Survey, options: CheckOptions) -> SwitchRun | None:
    """Ingest the files and tables of Asterisk. Return None if there were no CDRs."""
    all_series, table = list_cdr_series(survey), _get_table(options)
    if not all_series and table is None:
        return None
    first = table.source if table else all_series[0].current.path
    run = site.create_run(options.report_progress, options.max_lines)
    queue_log = None if options.queue_table else find_queue_log(survey)
    zone = _find_zone(site, run, create_source(first, queue_log, options), options)
    tenants_file, rules = options.tenants or (None, None)
    owner, router = site.create_owner(_ACCOUNT, zone, rules)
    done = SwitchRun(
        kind=SwitchKind.ASTERISK,
        owner=owner,
        router=router,
        tenants_file=tenants_file,
        run=run,
        queue_log=queue_log,
        queue_table=options.queue_table,
    )
    if table:
        _ingest_table(done, table, options)
    for series in all_series:
        _ingest_series(done, series, options)
    _ingest_channel_events(done, first, find_channel_events(survey), options)
    done.recordings = list_recordings_folders(survey)
    source = create_source(first, None, options)
    asterisk.ingest_recordings(run, owner, replace(source, recordings=done.recordings, router=router))
    return done


def _get_table(options: CheckOptions) -> CheckedTable | None:
    table = options.cdr_table
    return table if table and table.kind is SwitchKind.ASTERISK else None


def create_source(cdr: LineSource, queue_log: FileSeries | None, options: CheckOptions) -> AsteriskSource:
    """Return the source of a CDR file or table, with the current queue log."""
    log = options.queue_table.source if options.queue_table else None
    return AsteriskSource(
        cdr=cdr,
        queue_log=queue_log.current.path if queue_log else log,
        columns=options.read.asterisk_columns,
        encoding=options.read.encoding,
        zone=options.zone,
        agent_pattern=options.agent_pattern,
    )


def _find_zone(site: ScratchSite, run: IngestRun, source: AsteriskSource, options: CheckOptions) -> str:
    """Return the zone of the CDRs. If accounts use it, ingest warns of no other zone."""
    owner = site.build_file_owner(options.zone or options.local_zone)
    silent = replace(run, result=IngestResult())
    try:
        return LegParser(silent, owner, source).find_zone()
    except SwitchDatabaseError:
        raise
    except OSError:
        return owner.account.zone


def _ingest_table(done: SwitchRun, table: CheckedTable, options: CheckOptions) -> None:
    """Ingest a table of CDRs, with each queue log."""
    logs: list[LineSource | None] = [file.path for file in done.queue_log.files] if done.queue_log else [None]
    if done.queue_table:
        logs = [done.queue_table.source]
    for log in logs:
        source = replace(create_source(table.source, None, options), queue_log=log, router=done.router)
        with done.catch_failure(table):
            asterisk.ingest(done.run, done.owner, source)
    done.cdrs.append(table)


def _ingest_series(done: SwitchRun, series: FileSeries, options: CheckOptions) -> None:
    """Ingest a CDR file and its rotated files, unless they contain the same calls as earlier files."""
    run, owner = done.run, done.owner
    is_first = not done.cdrs
    if not is_first and _holds_known_calls(done, series, options):
        done.unused.append((series.watched_path, f"the same calls as {_name_first(done)}"))
        return
    before = run.result.cdrs
    table = done.queue_table.source if is_first and done.queue_table else None
    for cdr, queue_log in _pair_files(series, done.queue_log if is_first else None):
        source = replace(create_source(cdr, None, options), queue_log=queue_log or table, router=done.router)
        with done.catch_failure(cdr):
            asterisk.ingest(run, owner, source)
    if not is_first and run.result.cdrs == before:
        done.unused.append((series.watched_path, f"the same lines as {_name_first(done)}"))
        return
    done.series.append(series)
    done.cdrs.append(series.watched_path)
    done.older_cdrs += [file.path for file in series.files if file.path != series.watched_path]


def _name_first(done: SwitchRun) -> str:
    first = done.cdrs[0]
    return to_db_path(first) if isinstance(first, Path) else str(first)


def _ingest_channel_events(done: SwitchRun, cdr: LineSource, series: FileSeries | None, options: CheckOptions) -> None:
    """Ingest a channel event log (CEL) and its rotated files after all calls. The order does not matter."""
    source = create_source(cdr, None, options)
    for file in series.files if series else ():
        with done.catch_failure(file.path):
            asterisk.ingest_channel_log(done.run, done.owner, replace(source, cel=file.path, router=done.router))
            done.cel = series


def _pair_files(series: FileSeries, queue_log: FileSeries | None) -> Iterator[tuple[Path, Path | None]]:
    """Yield each CDR file with a queue log, both oldest first. The shorter list repeats its last file."""
    cdrs, queue_logs = series.files, queue_log.files if queue_log else ()
    for index in range(max(len(cdrs), len(queue_logs))):
        cdr = cdrs[min(index, len(cdrs) - 1)]
        log = queue_logs[min(index, len(queue_logs) - 1)] if queue_logs else None
        yield cdr.path, log.path if log else None


def _holds_known_calls(done: SwitchRun, series: FileSeries, options: CheckOptions) -> bool:
    """Return whether most lines of a sample match known calls of the same second and caller."""
    path = series.current.path
    try:
        lines = list(enumerate(tail_reader.sample_lines(path, _SPOTS, _LINES), 1))
        parse = LegParser(replace(done.run, result=IngestResult()), done.owner, create_source(path, None, options))
        legs = [leg for _, leg in parse(LineBatch(lines, FilePosition(), 0, to_db_path(path)))[0]]
    except (UnreadableLine, OSError):
        return False
    with done.run.database.read_transaction() as connection:
        known = sum(any(_has_row(connection, owner, leg) for owner in done.owners) for leg in legs)
    layout = series.current.found.layout
    has_ids = layout is not None and "uniqueid" in layout.names
    share = _SAME_SHARE if has_ids else _SAME_SHARE_WITHOUT_IDS
    return bool(legs) and known >= share * len(legs)


def _has_row(connection: Connection, owner: CallOwner, leg: Leg) -> bool:
    account_id = owner.account.account_id
    return ingest_overview.has_row_at(connection, owner.app, account_id, leg.begin, leg.caller_no)

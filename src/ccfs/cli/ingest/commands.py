"""ccfs ingest: ingest the files of a switch once or continuously; list rejected lines."""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ccfs import logs
from ccfs.cli.common import AppKeyOption, DataFolderOption, JsonOption, open_node, print_lines, print_result
from ccfs.cli.ingest.owners import find_owner
from ccfs.cli.ingest.served_location import find_unserved_location
from ccfs.cli.ingest.switch_tables import open_source, parse_source
from ccfs.cli.progress import ProgressBars
from ccfs.db.switch_tables.address import TableAddress
from ccfs.db.system import tenants
from ccfs.db.tenant.ingest import expected_recordings, ingest_state
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.http_server.processes.stop_signals import StopSignals
from ccfs.ingest import asterisk as asterisk_pass
from ccfs.ingest import ccfs as ccfs_pass
from ccfs.ingest import freeswitch as freeswitch_pass
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.context import IngestResult, IngestRun
from ccfs.ingest.files.rotation.candidates import has_rotated_files
from ccfs.ingest.pass_times import note_passes
from ccfs.ingest.tables.channels import plan_channel_table
from ccfs.ingest.tables.formats import plan_queue_table
from ccfs.ingest.tables.recording_log import plan_call_table
from ccfs.ingest.watch import run_passes as watch_passes
from ccfs.model.errors import OperatorError
from ccfs.server.node import Node, utc_now
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN
from ccfs.switches.freeswitch import parse_columns
from ccfs.switches.records import UnreadableLine

ingest_commands = typer.Typer(
    help="Ingest CDRs and recordings of a switch. Begin with `ccfs ingest check`.", no_args_is_help=True
)

AccountIdOption = Annotated[
    str, typer.Option("--account", help="Account id (accountId), unless --tenants.", metavar="ID", show_default=False)
]
VdnIdOption = Annotated[
    int, typer.Option("--vdn", help="VDN of the account, unless --tenants.", metavar="N", show_default=False)
]
TenantsOption = Annotated[
    Path | None, typer.Option("--tenants", help="Rules that assign calls to accounts (CSV).", metavar="FILE")
]
RecordingsOption = Annotated[
    list[Path] | None, typer.Option("--recordings", help="Folder with recordings; may be repeated.", metavar="DIR")
]
TreeOption = Annotated[Path | None, typer.Option("--recordings", help="Folder with the recordings.", metavar="DIR")]
ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="IANA time zone of the switch; default: detected.", show_default=False)
]
AgentsOption = Annotated[
    str, typer.Option("--agents", help="Regular expression that matches agents' numbers.", metavar="REGEX")
]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", help="Columns of the CDR file, if not standard.", metavar="A,B,…")
]
EncodingOption = Annotated[
    str, typer.Option("--encoding", help="Encoding of names that are not UTF-8: gbk, latin-1, …", metavar="NAME")
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Continue until SIGTERM.")]


@ingest_commands.command("asterisk")
def ingest_asterisk(
    app: AppKeyOption,
    cdr: Annotated[
        str, typer.Option("--cdr", help="CDR file, or mysql:// or postgresql:// URL.", metavar="FILE_OR_URL")
    ],
    recordings: RecordingsOption = None,
    queue_log: Annotated[
        str | None, typer.Option("--queue-log", help="queue_log file, or URL of that table.", metavar="FILE_OR_URL")
    ] = None,
    cel: Annotated[Path | None, typer.Option("--cel", help="Channel event log (cel_custom).", metavar="FILE")] = None,
    columns: ColumnsOption = None,
    zone: ZoneOption = None,
    agents: AgentsOption = AGENT_NUMBER_PATTERN,
    encoding: EncodingOption = "",
    account: AccountIdOption = "",
    vdn: VdnIdOption = 0,
    tenants_file: TenantsOption = None,
    watch: WatchOption = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest CDRs, logs and recordings of Asterisk. Running it again ingests only what is new."""
    calls, log = parse_source("--cdr", cdr), parse_source("--queue-log", queue_log) if queue_log else None
    _require_paths(logs=(*_list_files(calls, log), cel), folders=recordings)
    _refuse_columns(columns, calls)
    node, text_encoding = open_node(data), parse_encoding(encoding)
    owner, load_router = find_owner(node, app, account, vdn, tenants_file)
    switch = AsteriskSource(
        cdr=open_source(calls, node.settings, plan_call_table, "cdr", text_encoding),
        recordings=recordings or (),
        queue_log=open_source(log, node.settings, plan_queue_table, "queue_log", text_encoding) if log else None,
        cel=cel,
        columns=columns,
        encoding=text_encoding,
        zone=parse_zone(zone),
        agent_pattern=compile_agent_pattern(agents),
    )
    _run_ingest(
        node, watch, as_json, lambda run: asterisk_pass.ingest(run, owner, replace(switch, router=load_router()))
    )


@ingest_commands.command("freeswitch")
def ingest_freeswitch(
    app: AppKeyOption,
    cdr: Annotated[
        str, typer.Option("--cdr", help="CDR file or folder (CSV, JSON, XML), or URL.", metavar="FILE_OR_DIR_OR_URL")
    ],
    recordings: RecordingsOption = None,
    columns: ColumnsOption = None,
    zone: ZoneOption = None,
    agents: AgentsOption = AGENT_NUMBER_PATTERN,
    account: AccountIdOption = "",
    vdn: VdnIdOption = 0,
    tenants_file: TenantsOption = None,
    watch: WatchOption = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest CDRs and recordings of FreeSWITCH. Running it again ingests only what is new."""
    calls = parse_source("--cdr", cdr)
    _require_paths(logs=[file for file in _list_files(calls) if not file.is_dir()], folders=recordings)
    _refuse_columns(columns, calls)
    node = open_node(data)
    owner, load_router = find_owner(node, app, account, vdn, tenants_file)
    switch = freeswitch_pass.FreeSwitchSource(
        cdr=open_source(calls, node.settings, plan_channel_table, "v_xml_cdr"),
        recordings=recordings or (),
        columns=_parse_columns(columns),
        zone=parse_zone(zone),
        agent_pattern=compile_agent_pattern(agents),
    )
    _run_ingest(
        node, watch, as_json, lambda run: freeswitch_pass.ingest(run, owner, replace(switch, router=load_router()))
    )


@ingest_commands.command("ccfs")
def ingest_ccfs(
    app: AppKeyOption,
    sources: Annotated[list[Path], typer.Argument(help="Folders, zips or CSV files.", metavar="DIR_OR_ZIP...")],
    recordings: TreeOption = None,
    watch: WatchOption = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest index files of CC-FS and their recordings. Running it again ingests only what is new."""
    _require_paths(
        files=[source for source in sources if not source.is_dir()], folders=[recordings] if recordings else []
    )
    node = open_node(data)
    with node.database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        export = ccfs_pass.CcfsSource(
            app=owner,
            accounts=tenants.get_accounts(connection, owner),
            vdns={vdn.vdn_id: vdn for vdn in tenants.list_vdns(connection, owner)},
            sources=sources,
            recordings=recordings,
        )
    _run_ingest(node, watch, as_json, lambda run: ccfs_pass.ingest(run, export))


@ingest_commands.command("refused", hidden=True)
@ingest_commands.command("rejected")
def list_rejected(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List rejected lines and files, newest first, and missing recordings."""
    with open_node(data).database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        rejections = ingest_state.list_rejections(connection, owner)
        missing = expected_recordings.list_missing(connection, owner)
    result = {
        "refused": [
            {"file": rejection.file, "line": rejection.line, "reason": rejection.reason, "at": at.isoformat()}
            for _, rejection, at in rejections
        ],
        "missing": [
            {"callId": recording.call_id, "file": recording.name, "since": recording.since.isoformat()}
            for recording in missing
        ],
    }
    text = [*(_format_rejected(rejection) for _, rejection, _ in rejections), *map(_format_missing, missing)]
    print_lines(result, as_json, text, nothing="nothing rejected, nothing missing")


def _require_paths(*, logs: Iterable[Path | None] = (), files: Iterable[Path] = (), folders: list[Path] | None) -> None:
    """Raise OperatorError for a path that does not exist. A log may be absent between its rotation and its next line."""
    for file in (*files, *(log for log in logs if log and (log.exists() or not has_rotated_files(log)))):
        if file is not None and not file.is_file():
            raise OperatorError(f"not a file: {file}" if file.exists() else f"file not found: {file}")
    for folder in folders or ():
        if not folder.is_dir():
            raise OperatorError(f"not a folder: {folder}" if folder.exists() else f"folder not found: {folder}")


def _list_files(*sources: Path | TableAddress | None) -> list[Path]:
    return [source for source in sources if isinstance(source, Path)]


def _refuse_columns(columns: str | None, source: Path | TableAddress) -> None:
    if columns is not None and not isinstance(source, Path):
        raise OperatorError("--columns is for files: the columns of a table have names")


def parse_zone(zone: str | None) -> str | None:
    """Return a zone that the operator names. Raise OperatorError for an unknown one."""
    try:
        return zone and ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise OperatorError(f"--zone: {zone} is not an IANA time zone") from None


def parse_encoding(name: str) -> str:
    """Return an encoding of text in which ASCII stays as it is. Raise OperatorError for any other."""
    try:
        if not name or b"a,1".decode(name) == "a,1":
            return name
    except (LookupError, ValueError):
        pass
    raise OperatorError(f"--encoding: {name} is not an encoding of text files")


def compile_agent_pattern(text: str) -> re.Pattern[str]:
    """Return the expression of --agents. Raise OperatorError if it is invalid."""
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise OperatorError(f"--agents: {error}") from None


def _parse_columns(columns: str | None) -> tuple[str, ...]:
    try:
        return parse_columns(columns) if columns else ()
    except ValueError as error:
        raise OperatorError(f"--columns: {error}") from None


def _run_ingest(node: Node, watching: bool, as_json: bool, run_pass: Callable[[IngestRun], None]) -> None:
    run_pass = note_passes(run_pass)
    logs.configure_logging()
    stopped = StopSignals() if watching else None
    with ProgressBars(sys.stderr.isatty() and not watching) as bars:
        run = IngestRun(
            database=node.database,
            primary_location=node.primary_location,
            settings=node.settings,
            now=utc_now,
            is_watching=watching,
            report_progress=bars.update,
            is_stopped=stopped.is_set if stopped else lambda: False,
            replicas=node.replicas,
        )
        run.warn(find_unserved_location(node))
        try:
            if stopped:
                seconds = run.settings.watch_seconds
                watch_passes(lambda: run_pass(run), run.result, seconds, stopped, node.is_draining)
            else:
                run_pass(run)
        except UnreadableLine as error:
            raise OperatorError(str(error)) from None
    for warning in run.result.warnings:
        print(f"ccfs: {escape_unprintable(warning)}", file=sys.stderr)
    print_result(run.result.as_json(), as_json, _format_summary(run.result))


def _format_summary(result: IngestResult) -> str:
    counts = result.as_json()
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in counts.items() if isinstance(value, int) and value]
    lines += map(_format_rejected, result.rejected[:20])
    lines += map(_format_missing, result.missing[:20])
    return "\n".join(lines) or "nothing new"


def _format_rejected(rejection: IngestRejection) -> str:
    place = f"{rejection.file}:{rejection.line}" if rejection.line else rejection.file  # 0: the whole file
    return escape_unprintable(f"rejected: {place}: {rejection.reason}")


def _format_missing(recording: ExpectedRecording) -> str:
    return escape_unprintable(f"missing: {recording.name} of call {recording.call_id}")


def escape_unprintable(text: str) -> str:
    """Return the text on one line without control characters: file names may contain any."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)

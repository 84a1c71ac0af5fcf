"""ccfs ingest check: a dry run over the files of a switch, without app, account and data folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from ccfs import logs
from ccfs.cli.common import JsonOption, print_result
from ccfs.cli.ingest.check_text import format_report
from ccfs.cli.ingest.commands import (
    AgentsOption,
    ColumnsOption,
    EncodingOption,
    TenantsOption,
    ZoneOption,
    compile_agent_pattern,
    escape_unprintable,
    ingest_commands,
    parse_encoding,
    parse_zone,
)
from ccfs.cli.ingest.owners import read_rules
from ccfs.cli.ingest.switch_tables import add_password, parse_source
from ccfs.cli.progress import ProgressBars
from ccfs.db.switch_tables.connection import SwitchDatabaseError
from ccfs.ingest.check.findings import check_paths
from ccfs.ingest.check.recognition.file_kinds import ReadOptions
from ccfs.ingest.check.recognition.tables import CheckedTable, open_cdr_table, open_queue_table
from ccfs.ingest.check.report.types import to_json
from ccfs.ingest.check.runs.switch_run import CheckOptions
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import is_time_zone
from ccfs.settings import load_settings
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN
from ccfs.switches.records import UnreadableLine

__all__ = ["ingest_commands"]

_ZONE_FILES = Path("/etc/timezone"), Path("/etc/localtime")


@ingest_commands.command("check")
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders of the switch.", metavar="PATH...", show_default=False),
    ] = None,
    cdr: Annotated[str, typer.Option("--cdr", help="URL of a CDR table.", metavar="URL", show_default=False)] = "",
    queue_log: Annotated[
        str, typer.Option("--queue-log", help="URL of a queue_log table.", metavar="URL", show_default=False)
    ] = "",
    columns: ColumnsOption = None,
    zone: ZoneOption = None,
    agents: AgentsOption = AGENT_NUMBER_PATTERN,
    encoding: EncodingOption = "",
    tenants_file: TenantsOption = None,
    lines: Annotated[
        int,
        typer.Option("--lines", help="Read only about so many lines of each file and table; 0: all of files.", min=0),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what ingest would make of a switch's files, and the commands to run. Changes nothing, needs no app."""
    logs.disable_logging()
    if not paths and not cdr:
        raise typer.BadParameter("name files or folders, or a table with --cdr URL")
    tables = open_tables(cdr, queue_log, parse_encoding(encoding))
    with ProgressBars(sys.stderr.isatty()) as bars:
        options = CheckOptions(
            agent_pattern=compile_agent_pattern(agents),
            read=ReadOptions(columns=columns, encoding=parse_encoding(encoding)),
            tenants=(tenants_file, read_rules(tenants_file)) if tenants_file else None,
            zone=parse_zone(zone),
            local_zone=find_local_zone(),
            max_lines=lines,
            report_progress=bars.update,
            cdr_table=tables.get("--cdr"),
            queue_table=tables.get("--queue-log"),
        )
        try:
            report = check_paths(paths or [], options)
        except (FileNotFoundError, SwitchDatabaseError) as error:
            raise OperatorError(str(error)) from None
    given = _list_given_options(columns, zone, agents, encoding)
    text = "\n".join(map(escape_unprintable, format_report(report, given)))
    print_result(to_json(report) | {"has_calls": report.has_calls}, as_json, text)
    if not report.has_calls:
        raise typer.Exit(1)


def open_tables(cdr: str, queue_log: str, encoding: str) -> dict[str, CheckedTable]:
    """Return the tables that the options name. Raise OperatorError."""
    found: dict[str, CheckedTable] = {}
    for option, text, open_table in (("--cdr", cdr, open_cdr_table), ("--queue-log", queue_log, open_queue_table)):
        if not text:
            continue
        source = parse_source(option, text)
        if isinstance(source, Path):
            raise OperatorError(f"{option}: {text} is not a URL; name files without an option")
        settings = load_settings()
        address = add_password(source, settings)
        try:
            found[option] = open_table(
                address, _strip_password(text), settings.switch_database_timeout_seconds, encoding
            )
        except (SwitchDatabaseError, UnreadableLine) as error:
            raise OperatorError(f"{option}: {error}") from None
    return found


def _strip_password(text: str) -> str:
    """Return a URL without its password, which the commands to paste must not show."""
    url = make_url(text)
    return text if url.password is None else url._replace(password=None).render_as_string()


def find_local_zone() -> str:
    """Return the time zone of this machine as an IANA name; UTC if it has none."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    for file in _ZONE_FILES:
        try:
            names.append(os.path.realpath(file).partition("/zoneinfo/")[2] or file.read_text().strip())
        except (OSError, ValueError):
            continue
    return next((name for name in names if name and is_time_zone(name)), "UTC")


def _list_given_options(columns: str | None, zone: str | None, agents: str, encoding: str) -> dict[str, str]:
    """Return the options that `ccfs ingest` must be given, too."""
    given = {"--columns": columns, "--zone": zone, "--encoding": encoding}
    given["--agents"] = agents if agents != AGENT_NUMBER_PATTERN else ""
    return {name: value for name, value in given.items() if value}

"""ccfs ingest check: a dry run over the files of a switch, without app, account and data folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ccfs import logs
from ccfs.cli.check_text import format_report
from ccfs.cli.common import JsonOption, print_result
from ccfs.cli.ingest import (
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
from ccfs.cli.owners import read_rules
from ccfs.cli.progress import ProgressBars
from ccfs.ingest.check.file_kinds import ReadOptions
from ccfs.ingest.check.findings import check_paths
from ccfs.ingest.check.report import to_json
from ccfs.ingest.check.switch_run import CheckOptions
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import is_time_zone
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN

__all__ = ["ingest_commands"]

_ZONE_FILES = Path("/etc/timezone"), Path("/etc/localtime")


@ingest_commands.command("check")
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders of the switch.", metavar="PATH...")],
    columns: ColumnsOption = None,
    zone: ZoneOption = None,
    agents: AgentsOption = AGENT_NUMBER_PATTERN,
    encoding: EncodingOption = "",
    tenants_file: TenantsOption = None,
    lines: Annotated[
        int, typer.Option("--lines", help="Read only about so many lines of each file; 0: all.", min=0, metavar="N")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what ingest would make of a switch's files, and the commands to run. Changes nothing, needs no app."""
    logs.disable_logging()
    with ProgressBars(sys.stderr.isatty()) as bars:
        options = CheckOptions(
            agent_pattern=compile_agent_pattern(agents),
            read=ReadOptions(columns=columns, encoding=parse_encoding(encoding)),
            tenants=(tenants_file, read_rules(tenants_file)) if tenants_file else None,
            zone=parse_zone(zone),
            local_zone=find_local_zone(),
            max_lines=lines,
            report_progress=bars.update,
        )
        try:
            report = check_paths(paths, options)
        except FileNotFoundError as error:
            raise OperatorError(str(error)) from None
    given = _list_given_options(columns, zone, agents, encoding)
    text = "\n".join(map(escape_unprintable, format_report(report, given)))
    print_result(to_json(report) | {"has_calls": report.has_calls}, as_json, text)
    if not report.has_calls:
        raise typer.Exit(1)


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

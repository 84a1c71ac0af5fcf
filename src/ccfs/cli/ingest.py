"""ccfs ingest: taking in what a switch left, once or for as long as it runs."""

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ccfs import logs
from ccfs.cli.common import AppKey, AsJson, DataFolder, open_node, show
from ccfs.cli.progress import Bars
from ccfs.model.errors import Misuse
from ccfs.node import Node, now
from ccfs.store import intake, tenancy
from ccfs.store.intake import Awaited, Refusal
from ccfs.switches.asterisk.channels import AGENT_NUMBER
from ccfs.switches.found import UnreadableLine
from ccfs.switches.freeswitch import columns_of
from ccfs.work.ingest import asterisk as asterisk_pass
from ccfs.work.ingest import ccfs as ccfs_pass
from ccfs.work.ingest import freeswitch as freeswitch_pass
from ccfs.work.ingest.context import Owner, Run, Tally
from ccfs.work.ingest.watch import watch as watch_passes

ingest = typer.Typer(help="Take in what a switch left.", no_args_is_help=True)

AccountId = Annotated[str, typer.Option("--account", help="Enterprise id.", metavar="ID")]
VdnId = Annotated[int, typer.Option("--vdn", help="VDN of the account.", metavar="N")]
Recordings = Annotated[Path | None, typer.Option("--recordings", help="Folder of recordings.", metavar="DIR")]
Zone = Annotated[str | None, typer.Option("--zone", help="Zone of the switch's local times.", show_default=False)]
Agents = Annotated[str, typer.Option("--agents", help="Regular expression of an agent's number.", metavar="REGEX")]
Columns = Annotated[str | None, typer.Option("--columns", help="Columns of the CDR file.", metavar="A,B,…")]
Watch = Annotated[bool, typer.Option("--watch", help="Go on until stopped.")]


@ingest.command("asterisk")
def asterisk(
    app: AppKey,
    account: AccountId,
    vdn: VdnId,
    cdr: Annotated[Path, typer.Option("--cdr", help="CDR file (cdr-csv or cdr_custom).", metavar="FILE")],
    recordings: Recordings = None,
    queue_log: Annotated[Path | None, typer.Option("--queue-log", help="queue_log.", metavar="FILE")] = None,
    columns: Columns = None,
    zone: Zone = None,
    agents: Agents = AGENT_NUMBER,
    watch: Watch = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take in Asterisk's CDRs, queue log and recordings. A second run changes nothing."""
    _must_be_there(files=(cdr, queue_log), folder=recordings)
    node = open_node(data)
    owner = _owner(node, app, account, vdn)
    switch = asterisk_pass.Asterisk(
        cdr=cdr,
        recordings=recordings,
        queue_log=queue_log,
        columns=columns,
        zone=_checked_zone(zone),
        agents=_pattern(agents),
    )
    _run(node, watch, as_json, lambda run: asterisk_pass.ingest(run, owner, switch))


@ingest.command("freeswitch")
def freeswitch(
    app: AppKey,
    account: AccountId,
    vdn: VdnId,
    cdr: Annotated[Path, typer.Option("--cdr", help="CSV, JSON or XML CDRs.", metavar="FILE_OR_DIR")],
    recordings: Recordings = None,
    columns: Columns = None,
    zone: Zone = None,
    agents: Agents = AGENT_NUMBER,
    watch: Watch = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take in FreeSWITCH's CDRs and recordings. A second run changes nothing."""
    _must_be_there(files=() if cdr.is_dir() else (cdr,), folder=recordings)
    node = open_node(data)
    owner = _owner(node, app, account, vdn)
    switch = freeswitch_pass.FreeSwitch(
        cdr=cdr,
        recordings=recordings,
        columns=_template(columns),
        zone=_checked_zone(zone),
        agents=_pattern(agents),
    )
    _run(node, watch, as_json, lambda run: freeswitch_pass.ingest(run, owner, switch))


@ingest.command("ccfs")
def ccfs(
    app: AppKey,
    sources: Annotated[list[Path], typer.Argument(help="Folders, zips or CSV files.", metavar="DIR_OR_ZIP...")],
    recordings: Recordings = None,
    watch: Watch = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take in CC-FS's own index files and the recordings that they name. A second run changes nothing."""
    _must_be_there(files=[one for one in sources if not one.is_dir()], folder=recordings)
    node = open_node(data)
    with node.database.reading() as connection:
        owner = tenancy.app_by_ak(connection, app)
        export = ccfs_pass.CcfsExport(
            app=owner,
            accounts=tenancy.accounts(connection, owner),
            vdns={vdn.vdn_id: vdn for vdn in tenancy.vdns(connection, owner)},
            sources=sources,
            recordings=recordings,
        )
    _run(node, watch, as_json, lambda run: ccfs_pass.ingest(run, export))


@ingest.command("refused")
def refused(app: AppKey, data: DataFolder = None, as_json: AsJson = False) -> None:
    """List lines and files that were refused, newest first, and recordings that are missing."""
    with open_node(data).database.reading() as connection:
        owner = tenancy.app_by_ak(connection, app)
        lines = intake.refusals(connection, owner)
        missing = intake.missing(connection, owner)
    result = {
        "refused": [
            {"file": one.file, "line": one.line, "reason": one.reason, "at": at.isoformat()} for _, one, at in lines
        ],
        "missing": [{"callId": one.call_id, "file": one.name, "since": one.since.isoformat()} for one in missing],
    }
    show(result, as_json, "\n".join([*(_refused(one) for _, one, _ in lines), *map(_missing, missing)]))


def _must_be_there(*, files: Iterable[Path | None], folder: Path | None) -> None:
    for file in files:
        if file is not None and not file.is_file():
            raise Misuse(f"{file} is not a file" if file.exists() else f"there is no file {file}")
    if folder is not None and not folder.is_dir():
        raise Misuse(f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}")


def _owner(node: Node, ak: str, account_id: str, vdn_id: int) -> Owner:
    with node.database.reading() as connection:
        app = tenancy.app_by_ak(connection, ak)
        account = tenancy.accounts(connection, app).get(account_id)
        vdn = next((one for one in tenancy.vdns(connection, app) if one.vdn_id == vdn_id), None)
    if account is None or vdn is None or vdn.account_id != account_id:
        raise Misuse(f"app {ak} has no account {account_id} with VDN {vdn_id}; `ccfs account list` shows all")
    return Owner(app=app, account=account, vdn=vdn)


def _checked_zone(zone: str | None) -> str | None:
    try:
        return zone and ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise Misuse(f"{zone} is not an IANA time zone") from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise Misuse(f"--agents: {error}") from None


def _template(columns: str | None) -> tuple[str, ...]:
    try:
        return columns_of(columns) if columns else ()
    except ValueError as error:
        raise Misuse(f"--columns: {error}") from None


def _run(node: Node, watching: bool, as_json: bool, one_pass: Callable[[Run], None]) -> None:
    logs.prepare()
    stopped = threading.Event()
    if watching:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
    with Bars(sys.stderr.isatty() and not watching) as bars:
        run = Run(
            database=node.database,
            home=node.home,
            settings=node.settings,
            now=now,
            watching=watching,
            progress=bars.progress,
            is_stopped=stopped.is_set,
        )
        try:
            if watching:
                seconds = run.settings.watch_seconds
                watch_passes(lambda: one_pass(run), run.tally, seconds, stopped, node.is_draining)
            else:
                one_pass(run)
        except UnreadableLine as error:
            raise Misuse(str(error)) from None
    for warning in run.tally.warnings:
        print(f"ccfs: {printable(warning)}", file=sys.stderr)
    show(run.tally.as_json(), as_json, _text(run.tally))


def _text(tally: Tally) -> str:
    counts = tally.as_json()
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in counts.items() if isinstance(value, int) and value]
    lines += [_refused(one) for one in tally.refused[:20]]
    lines += [_missing(one) for one in tally.missing[:20]]
    return "\n".join(lines) or "nothing new"


def _refused(one: Refusal) -> str:
    return printable(f"refused: {one.file}:{one.line}: {one.reason}")


def _missing(one: Awaited) -> str:
    return printable(f"missing: {one.name} of call {one.call_id}")


def printable(text: str) -> str:
    """The text on one line, as a terminal may be shown it: file names may hold anything."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)

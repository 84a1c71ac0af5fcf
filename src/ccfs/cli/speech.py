"""ccfs speech: the state of the analysis of recordings, analysing some now, and analysing again."""

import importlib.util
import sys
from datetime import datetime
from typing import Annotated

import typer

from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import tenants
from ccfs.db.system.jobs import speech_jobs
from ccfs.db.tenant.speech_activity import SpeechState
from ccfs.model.errors import OperatorError
from ccfs.model.recordings.speech import DETECTOR_MODULE
from ccfs.server import worker_process
from ccfs.server.node import Node, utc_now

MAX_REASONS = 20
FULL_SPEED = 100  # per cent of a core
speech_commands = typer.Typer(help="Silence and talk-over in recordings: state, analysis.", no_args_is_help=True)

AppOption = Annotated[
    str | None, typer.Option("--app", help="AK (appId) of the app; all apps if omitted.", metavar="AK")
]
FromOption = Annotated[str, typer.Option("--from", help="First day of the calls.", metavar="YYYY-MM-DD")]
ToOption = Annotated[str, typer.Option("--to", help="Last day of the calls.", metavar="YYYY-MM-DD")]


@speech_commands.command("status")
def show_status(app: AppOption = None, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show how many recordings were analysed, wait or cannot be analysed, and why."""
    node = open_node(data)
    app_id = _find_app(node, app)
    with node.database.read_transaction() as connection:
        counts = speech_jobs.count_by_state(connection, app_id)
        seconds = speech_jobs.sum_analysed_seconds(connection)
        reasons = speech_jobs.list_reasons(connection, MAX_REASONS, app_id)
    rows = [{"state": state, "reason": reason, "recordings": number} for state, reason, number in reasons]
    text = [f"{state:8} {number}" for state, number in counts.items()]
    text += [f"  {row['recordings']} {row['state']}: {row['reason']}" for row in rows]
    text += [f"analysed so far: {seconds / 3600:.1f} hours of audio, of all apps"]
    if not node.settings.speech_analysis:
        text.append("the analysis is off (CCFS_SPEECH_ANALYSIS)")
    result = {"enabled": node.settings.speech_analysis, "recordings": counts, "analysed_seconds": seconds}
    print_result({**result, "reasons": rows}, as_json, "\n".join(text))


@speech_commands.command("retry")
def retry(
    first: FromOption = "0001-01-01",
    last: ToOption = "9999-12-31",
    app: AppOption = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were analysed.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse recordings again that could not be analysed, or all, of calls of these days."""
    states = (SpeechState.FAILED, SpeechState.SKIPPED, *([SpeechState.DONE] if again else []))
    days, node = (_parse_day(first), _parse_day(last)), open_node(data)
    app_id = _find_app(node, app)
    with node.database.write_transaction() as connection:
        number = speech_jobs.retry(connection, utc_now(), states, app_id, days)
    print_result({"due": number}, as_json, f"{number} recordings are due")


@speech_commands.command("run")
def run(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Analyse at most so many recordings.")] = 1_000_000,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse recordings that are due now, at full speed, the newest first. It may run beside `ccfs serve`."""
    node, done = open_node(data), 0
    if importlib.util.find_spec(DETECTOR_MODULE) is None:
        raise OperatorError("there is no speech detector for this machine")
    worker = worker_process.build_speech_worker(node, utc_now, lambda: False, FULL_SPEED)
    while done < limit and worker.run_once():
        done += 1
        if done % 100 == 0:
            print(f"{done} recordings", file=sys.stderr, flush=True)
    print_result({"processed": done}, as_json, f"{done} recordings processed; see ccfs speech status")


def _find_app(node: Node, ak: str | None) -> int | None:
    if ak is None:
        return None
    with node.database.read_transaction() as connection:
        return tenants.get_app_by_ak(connection, ak).id


def _parse_day(text: str) -> int:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise OperatorError(f"{text} is not a day: write it as 2026-01-31") from None
    return day.year * 10_000 + day.month * 100 + day.day

"""Watching: a pass every few seconds until somebody stops it; what a pass cannot do now, the next one tries."""

import threading
from collections.abc import Callable

from ccfs.ingest.context import IngestResult
from ccfs.logs import get_logger
from ccfs.switches.records import UnreadableLine


def run_passes(
    one_pass: Callable[[], None],
    tally: IngestResult,
    seconds: float,
    stopped: threading.Event,
    is_draining: Callable[[], bool] = lambda: False,
) -> None:
    """Run passes until `stopped`, but none while the node drains. A file or a database that is away for a moment is no
    reason to end."""
    before, rests = _get_counts(tally), False
    while not stopped.is_set():
        try:
            if rests != is_draining():
                rests = not rests
                get_logger().info("drains" if rests else "works", action="node_state")
            if not rests:
                one_pass()
        except (OSError, UnreadableLine) as error:
            get_logger().warning("pass failed", action="ingest_failed", reason=str(error))
        except Exception:  # noqa: BLE001  of whatever kind: the next pass may be luckier
            get_logger().exception("pass failed", action="ingest_failed")
        if (after := _get_counts(tally)) != before:
            get_logger().info("taken in", action="ingested", **after)
            before = after
        stopped.wait(seconds)


def _get_counts(tally: IngestResult) -> dict[str, int]:
    """What was done so far; lines that were in already are nothing new."""
    return {
        "cdrs": tally.cdrs,
        "recordings": tally.recordings,
        "agent_operations": tally.agent_operations,
        "skill_changes": tally.skill_changes,
        "voice_files": tally.voice_files,
        "refused": tally.rejected_count,
        "missing": len(tally.missing),
    }

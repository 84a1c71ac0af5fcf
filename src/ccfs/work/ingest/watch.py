"""Watching: a pass every few seconds until somebody stops it; what a pass cannot do now, the next one tries."""

import threading
from collections.abc import Callable

from ccfs.logs import log
from ccfs.switches.found import UnreadableLine
from ccfs.work.ingest.context import Tally


def watch(one_pass: Callable[[], None], tally: Tally, seconds: float, stopped: threading.Event) -> None:
    """Run passes until `stopped`. A file that is away for a moment, or a database, is no reason to end."""
    while not stopped.is_set():
        before = (tally.cdrs, tally.recordings, tally.agent_operations, tally.refused_count, len(tally.missing))
        try:
            one_pass()
        except (OSError, UnreadableLine) as error:
            log().warning("pass failed", action="ingest_failed", reason=str(error))
        except Exception:
            log().exception("pass failed", action="ingest_failed")
        after = (tally.cdrs, tally.recordings, tally.agent_operations, tally.refused_count, len(tally.missing))
        if after != before:
            log().info(
                "taken in",
                action="ingested",
                **dict(zip(("cdrs", "recordings", "agent_operations", "refused", "missing"), after, strict=True)),
            )
        tally.refused.clear()  # kept as rows; a watch that runs for months must not collect them here
        stopped.wait(seconds)

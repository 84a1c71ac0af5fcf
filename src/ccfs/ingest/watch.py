"""Repeat passes every few seconds until stopped. Each pass retries what the previous one could not do."""

from collections.abc import Callable
from typing import Protocol

from ccfs.ingest.context import IngestResult
from ccfs.logs import get_logger
from ccfs.model.errors import OperatorError
from ccfs.switches.records import UnreadableLine


class Stop(Protocol):
    """A request to stop."""

    def is_set(self) -> bool:
        """Return whether a stop has been requested."""

    def wait(self, seconds: float, /) -> bool:
        """Wait for up to this time until stopping is requested. Return whether it was."""


def run_passes(
    one_pass: Callable[[], None],
    result: IngestResult,
    seconds: float,
    stopped: Stop,
    is_draining: Callable[[], bool] = lambda: False,
) -> None:
    """Run passes until `stopped`, except while the node drains. A failed pass is logged and does not end the watch."""
    counts, is_paused = _get_counts(result), False
    while not stopped.is_set():
        try:
            if is_paused != is_draining():
                is_paused = not is_paused
                get_logger().info("node draining" if is_paused else "node resumed", action="node_state")
            if not is_paused:
                one_pass()
        except FileNotFoundError as error:  # the switch rotates its files: the next pass finds them again
            reason = f"file not found: {error.filename}; the next pass tries again"
            get_logger().warning("pass failed", action="ingest_failed", reason=reason)
        except (OSError, UnreadableLine, OperatorError) as error:
            get_logger().warning("pass failed", action="ingest_failed", reason=str(error))
        except Exception:  # noqa: BLE001  whatever the error, the next pass may succeed
            get_logger().exception("pass failed", action="ingest_failed")
        if (new_counts := _get_counts(result)) != counts:
            get_logger().info("ingest progress", action="ingested", **new_counts)
            counts = new_counts
        stopped.wait(seconds)


def _get_counts(result: IngestResult) -> dict[str, int]:
    """Return the counts of new items, without duplicates."""
    return {
        "cdrs": result.cdrs,
        "recordings": result.recordings,
        "agent_operations": result.agent_operations,
        "skill_changes": result.skill_changes,
        "voice_files": result.voice_files,
        "rejected": result.rejected_count,
        "missing": len(result.missing),
    }

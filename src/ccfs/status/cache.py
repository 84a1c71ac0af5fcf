"""The latest report of a web process, checked again in the background, so that a page never waits for it."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from ccfs.logs import get_logger
from ccfs.status.check import StatusReport
from ccfs.status.findings import Severity

MAX_AGE_SECONDS: Final = 60.0  # of a report that the menu shows
FRESH_SECONDS: Final = 5.0  # of a report that the page shows


class StatusCache:
    """The latest report. For the event loop's thread: a check runs in another one, and only one at a time."""

    def __init__(self, check: Callable[[], StatusReport], max_age_seconds: float = MAX_AGE_SECONDS) -> None:
        self._check, self._max_age_seconds = check, max_age_seconds
        self._report: StatusReport | None = None
        self._checked_at = float("-inf")  # monotonic
        self._task: asyncio.Task[None] | None = None

    @property
    def worst(self) -> Severity | None:
        """The worst severity of the latest report; None without findings, and before the first report."""
        return self._report.worst if self._report else None

    def refresh_if_old(self) -> None:
        """Start a check in the background if the latest report is too old."""
        if time.monotonic() - self._checked_at >= self._max_age_seconds:
            self._start()

    async def get_report(self) -> StatusReport | None:
        """Return a report that is at most FRESH_SECONDS old; None if the check fails."""
        if time.monotonic() - self._checked_at >= FRESH_SECONDS:
            await asyncio.shield(self._start())
        return self._report

    def _start(self) -> asyncio.Task[None]:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return self._task

    async def _run(self) -> None:
        try:
            self._report = await asyncio.to_thread(self._check)
        except Exception:  # noqa: BLE001  the pages work without it, and the next check may succeed
            self._report = None
            get_logger().exception("status check failed", action="status_check_failed")
        self._checked_at = time.monotonic()

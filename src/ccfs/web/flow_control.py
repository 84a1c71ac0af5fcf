"""Flow control: how many requests an app may have under way and begin in a minute, and the rate of its responses.

A request counts once its app is proven, and before anything is done for it. Requests that are rejected do not count.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from ccfs.db.system.tenant_cache import TenantSnapshot
from ccfs.http_server.responses.pacing import UNLIMITED, Pacer
from ccfs.model.errors import DownloadLimitReached, FlowLimitReached, QueryLimitReached
from ccfs.model.identity.app_limits import AppLimits, AppUse
from ccfs.model.identity.tenancy import App
from ccfs.web.app_counters import MINUTE_SECONDS, AppCounters, RequestKind
from ccfs.web.metrics import WebMetrics
from ccfs.web.request import Request

CONCURRENCY_RETRY_SECONDS: Final = 1  # Retry-After of a request beyond the concurrent ones: one of them may end soon
QUEUE_RETRY_SECONDS: Final = 60  # and of an export beyond the queued ones
_DOWNLOAD: Final = RequestKind.DOWNLOAD  # looking up a member costs as much as counting
_GRACE_CHECKS: Final = 4
_GRACE_SECONDS: Final = 0.025  # between two checks
_ERRORS: Final = {RequestKind.DOWNLOAD: DownloadLimitReached, RequestKind.QUERY: QueryLimitReached}


@dataclass(slots=True)
class _AppRate:
    """The rate of an app in this process, and the bytes that the metrics know of."""

    app: str  # apps.id, the label in metrics
    pacer: Pacer
    counted_bytes: int = 0


class FlowControl:
    """The limits of all apps in one web process."""

    def __init__(self, defaults: AppLimits, counters: AppCounters, metrics: WebMetrics) -> None:
        self._defaults = defaults
        self._counters = counters
        self._metrics = metrics
        self._rates: dict[int, _AppRate] = {}
        self._snapshot = TenantSnapshot()
        self._limits: dict[int, AppLimits] = {}  # of apps with limits of their own, in the snapshot
        self._in_flight = 0

    @property
    def is_active(self) -> bool:
        """Whether this process has a request under way."""
        return self._in_flight > 0

    def update(self, snapshot: TenantSnapshot) -> None:
        """Apply the limits of a snapshot, also to responses under way."""
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._limits = {app: own.merge(self._defaults) for app, own in snapshot.app_limits.items()}
            for app, rate in self._rates.items():
                rate.pacer.limit = self.get_limits(app).bytes_per_second or UNLIMITED

    def get_limits(self, app: int) -> AppLimits:
        """Return the limits of an app, none of which is None."""
        return self._limits.get(app, self._defaults)

    def get_own_limits(self, app: int) -> AppLimits:
        """Return the limits that an app has of its own."""
        return self._snapshot.app_limits.get(app, AppLimits())

    def try_admit(self, request: Request, app: App, snapshot: TenantSnapshot, kind: RequestKind) -> int:
        """Count a request until its response has left, and return 0; or return the seconds after which to try again.

        The request is counted before the count is compared with the limit, so two that arrive at once cannot exceed it together.
        """
        if snapshot is not self._snapshot:
            self.update(snapshot)
        limits = self._limits.get(app.id, self._defaults)
        if kind == _DOWNLOAD:
            concurrent, per_minute = limits.concurrent_downloads, limits.downloads_per_minute
        else:
            concurrent, per_minute = limits.concurrent_queries, limits.queries_per_minute
        counters, now, wait = self._counters, time.monotonic(), 0
        in_flight = counters.begin(app.id, kind)
        if concurrent and in_flight > concurrent:
            wait = CONCURRENCY_RETRY_SECONDS
        elif per_minute:
            wait = _get_wait(per_minute, *counters.count_minutes(app.id, kind, now), now)
        if wait:
            counters.end(app.id, kind)
            return wait
        counters.add_to_minute(app.id, kind, now)
        self._in_flight += 1
        rate = self._rates.get(app.id) or self._add_rate(app)
        request.attach(rate.pacer, partial(self._end, app.id, kind))
        return 0

    async def admit(
        self, request: Request, app: App, snapshot: TenantSnapshot, operation: str, kind: RequestKind
    ) -> None:
        """Count a request until its response has left. Raise DownloadLimitReached or QueryLimitReached.

        A request over a limit first waits a moment: its client may already have received all of a response that is still counted.
        """
        wait = self.try_admit(request, app, snapshot, kind)
        for _ in range(_GRACE_CHECKS):
            if not wait:
                return
            await asyncio.sleep(_GRACE_SECONDS)
            wait = self.try_admit(request, app, snapshot, kind)
        if wait:
            self.reject(app, operation, _ERRORS[kind](wait))

    def reject(self, app: App, operation: str, error: FlowLimitReached) -> None:
        """Count a rejected request, and raise the error."""
        self._counters.add_rejection(app.id, time.monotonic())
        self._metrics.flow_control_rejections.labels(app=str(app.id), operation=operation).inc()
        raise error

    def get_use(self, app: int) -> AppUse:
        """Return what an app uses of this node at the moment."""
        counters = self._counters
        return AppUse(
            downloads=counters.count_in_flight(app, RequestKind.DOWNLOAD),
            queries=counters.count_in_flight(app, RequestKind.QUERY),
            rejected=counters.count_rejections(app, time.monotonic()),
        )

    def update_metrics(self, snapshot: TenantSnapshot) -> None:
        """Set the gauges of all apps that have a key."""
        for key in snapshot.signing_keys.values():
            for kind in RequestKind:
                gauge = self._metrics.app_requests_in_flight.labels(app=str(key.app.id), kind=kind.name.lower())
                gauge.set(self._counters.count_in_flight(key.app.id, kind))

    def count_delayed_bytes(self) -> None:
        """Count the bytes that had to wait for a rate since the last call."""
        for rate in self._rates.values():
            if new := rate.pacer.delayed_bytes - rate.counted_bytes:
                rate.counted_bytes += new
                self._metrics.delayed_bytes.labels(app=rate.app).inc(new)

    def _end(self, app: int, kind: RequestKind) -> None:
        self._counters.end(app, kind)
        self._in_flight -= 1

    def _add_rate(self, app: App) -> _AppRate:
        limit = self.get_limits(app.id).bytes_per_second or UNLIMITED
        rate = self._rates[app.id] = _AppRate(str(app.id), Pacer(limit, partial(self._counters.get_own_share, app.id)))
        return rate


def _get_wait(limit: int, current: int, previous: int, now: float) -> int:
    """Return the seconds until the limit per minute allows one more request; 0 if it does now.

    The requests of the last sixty seconds are estimated: those of the current minute, plus a part of those of the previous
    minute, as if they had been spread evenly.
    """
    elapsed = now % MINUTE_SECONDS / MINUTE_SECONDS
    if previous * (1 - elapsed) + current + 1 <= limit:
        return 0
    free_at = 1 - (limit - 1 - current) / previous if current < limit else 2 - (limit - 1) / current
    return max(math.ceil((free_at - elapsed) * MINUTE_SECONDS), 1)

"""/healthz, /readyz, /metrics: what a load balancer and a monitoring system ask."""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ccfs.db.job_queue import BULK_DOWNLOADS, DELIVERIES, EXPORTS
from ccfs.db.system import ingest_totals, nodes
from ccfs.model.bulk.bulk_download import BulkDownloadState as SelectionState
from ccfs.model.errors import FileUnavailable
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.exports.export import ExportState
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse, Response


async def get_health(_here: WebContext, _request: Request) -> Response:
    """The process lives."""
    return BytesResponse(body=b'{"status":"ok"}', content_type="application/json")


async def get_readiness(here: WebContext, _request: Request) -> Response:
    """The process can serve, and the operator wants it to: 200; else 503 and why not."""
    hindrance = await here.readiness.get_not_ready_reason()
    body = json.dumps({"status": hindrance or "ready"}, separators=(",", ":")).encode()
    return BytesResponse(body=body, content_type="application/json", status=503 if hindrance else 200)


async def get_metrics(here: WebContext, _request: Request) -> Response:
    """Counters in Prometheus' text form; of all web processes of this node, where it has several."""
    with suppress(FileUnavailable):  # the counters of this process are worth having without the database's
        await _update_gauges(here, here.now())
    registry: CollectorRegistry = here.metrics.registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return BytesResponse(body=generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _update_gauges(here: WebContext, now: datetime) -> None:
    state = await here.query(ingest_totals.count_totals)
    here.metrics.rejected_lines.set(state.rejected)
    here.metrics.expected_recordings.labels(state="waiting").set(state.expected)
    here.metrics.expected_recordings.labels(state="missing").set(state.missing)
    await _update_job_gauges(here, now)
    patience = timedelta(seconds=here.settings.node_timeout_seconds)
    for node, count in (await here.query(lambda connection: nodes.count_by_state(connection, patience))).items():
        here.metrics.nodes.labels(state=node).set(count)
    here.metrics.ssl_trust_all.set(int(here.settings.ssl_trust_all))
    if state.last_read_at:
        here.metrics.ingest_lag.set((now - state.last_read_at).total_seconds())


async def _update_job_gauges(here: WebContext, now: datetime) -> None:
    """What is made for those who asked for it, and its announcements."""
    made, announced = await here.query(EXPORTS.count_by_state), await here.query(DELIVERIES.count_by_state)
    taken = await here.query(BULK_DOWNLOADS.count_by_state)
    for export in ExportState:
        here.metrics.exports.labels(state=export).set(made.get(export, 0))
    for delivery in DeliveryState:
        here.metrics.deliveries.labels(state=delivery).set(announced.get(delivery, 0))
    for selection in SelectionState:
        here.metrics.bulk_downloads.labels(state=selection).set(taken.get(selection, 0))
    for of, oldest in (("exports", EXPORTS.find_oldest_due), ("selections", BULK_DOWNLOADS.find_oldest_due)):
        since = await here.query(oldest)
        here.metrics.oldest_due.labels(of=of).set(max(0.0, (now - since).total_seconds()) if since else 0)

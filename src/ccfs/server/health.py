"""/healthz, /readyz and /metrics, for load balancers and monitoring systems."""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ccfs.db.job_queue import BULK_DOWNLOADS, DELIVERIES, EXPORTS
from ccfs.db.system import clock_times, ingest_totals, nodes
from ccfs.db.system.jobs import speech_jobs
from ccfs.db.system.storage import disk_samples, retention_marks
from ccfs.model.bulk.bulk_download import BulkDownloadState
from ccfs.model.errors import FileUnavailable
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.exports.export import ExportState
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse, Response


async def get_health(_context: WebContext, _request: Request) -> Response:
    """Return 200: the process lives."""
    return BytesResponse(body=b'{"status":"ok"}', content_type="application/json")


async def get_readiness(context: WebContext, _request: Request) -> Response:
    """Return 200 if the process can serve and its node is not draining, else 503 with the reason."""
    reason = await context.readiness.get_not_ready_reason()
    body = json.dumps({"status": reason or "ready"}, separators=(",", ":")).encode()
    return BytesResponse(body=body, content_type="application/json", status=503 if reason else 200)


async def get_metrics(context: WebContext, _request: Request) -> Response:
    """Return the metrics of all web processes of this node in Prometheus' text format."""
    with suppress(FileUnavailable):  # without the database, the metrics of the process itself are still useful
        await _update_gauges(context, context.now())
    registry: CollectorRegistry = context.metrics.registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return BytesResponse(body=generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _update_gauges(context: WebContext, now: datetime) -> None:
    context.flow_control.update_metrics(await context.get_tenant_snapshot())
    totals = await context.query(ingest_totals.count_totals)
    context.metrics.rejected_lines.set(totals.rejected)
    context.metrics.missing_rotated_files.set(totals.missing_files)
    context.metrics.expected_recordings.labels(state="waiting").set(totals.expected)
    context.metrics.expected_recordings.labels(state="missing").set(totals.missing)
    context.metrics.lost_recordings.set(totals.lost)
    await _update_clock_gauges(context, now)
    context.metrics.speech_backlog.set(await context.query(speech_jobs.count_due))
    context.metrics.speech_analysed.set(await context.query(speech_jobs.sum_analysed_seconds))
    await _update_job_gauges(context, now)
    timeout = timedelta(seconds=context.settings.node_timeout_seconds)
    node_counts = await context.query(lambda connection: nodes.count_by_state(connection, timeout))
    for state, count in node_counts.items():
        context.metrics.nodes.labels(state=state).set(count)
    await _update_expiry_gauges(context)
    context.metrics.ssl_trust_all.set(int(context.settings.ssl_trust_all))
    if totals.last_read_at:
        context.metrics.ingest_lag.set((now - totals.last_read_at).total_seconds())


async def _update_expiry_gauges(context: WebContext) -> None:
    """Update what will run out: certificates and disks."""
    for node in await context.query(nodes.list_all):
        if node.certificate_expires_at:
            expiry = context.metrics.certificate_expiry.labels(node=node.id)
            expiry.set(node.certificate_expires_at.timestamp())
    for location_id, sample in (await context.query(disk_samples.list_latest)).items():
        context.metrics.disk_free.labels(location=location_id).set(sample.free)


async def _update_clock_gauges(context: WebContext, now: datetime) -> None:
    reading = await context.query(lambda c: clock_times.read_clocks(c, now, clock_times.get_server_time(c)))
    for clock, other in (("database", reading.database), ("recorded", reading.history)):
        if other is not None:
            context.metrics.clock_difference.labels(clock=clock).set((other - now).total_seconds())
    context.metrics.retention_marks.set(len(await context.query(retention_marks.list_marks)))


async def _update_job_gauges(context: WebContext, now: datetime) -> None:
    export_counts = await context.query(EXPORTS.count_by_state)
    delivery_counts = await context.query(DELIVERIES.count_by_state)
    bulk_counts = await context.query(BULK_DOWNLOADS.count_by_state)
    for export_state in ExportState:
        context.metrics.exports.labels(state=export_state).set(export_counts.get(export_state, 0))
    for delivery_state in DeliveryState:
        context.metrics.deliveries.labels(state=delivery_state).set(delivery_counts.get(delivery_state, 0))
    for bulk_state in BulkDownloadState:
        context.metrics.bulk_downloads.labels(state=bulk_state).set(bulk_counts.get(bulk_state, 0))
    for job, find_oldest in (("exports", EXPORTS.find_oldest_due), ("bulk_downloads", BULK_DOWNLOADS.find_oldest_due)):
        oldest = await context.query(find_oldest)
        context.metrics.oldest_due.labels(job=job).set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)

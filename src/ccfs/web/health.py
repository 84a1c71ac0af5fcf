"""/healthz, /readyz, /metrics: what a load balancer and a monitoring system ask."""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ccfs.model.delivery import State as DeliveryState
from ccfs.model.errors import Unavailable
from ccfs.model.export import State as ExportState
from ccfs.model.selection import State as SelectionState
from ccfs.store import deliveries, exports, intake, nodes, selections
from ccfs.web.answers import Answer, Plain
from ccfs.web.here import Here
from ccfs.web.request import Request


async def healthz(_here: Here, _request: Request) -> Answer:
    """The process lives."""
    return Plain(body=b'{"status":"ok"}', content_type="application/json")


async def readyz(here: Here, _request: Request) -> Answer:
    """The process can serve, and the operator wants it to: 200; else 503 and why not."""
    hindrance = await here.readiness.hindrance()
    body = json.dumps({"status": hindrance or "ready"}, separators=(",", ":")).encode()
    return Plain(body=body, content_type="application/json", status=503 if hindrance else 200)


async def metrics(here: Here, _request: Request) -> Answer:
    """Counters in Prometheus' text form; of all web processes of this node, where it has several."""
    with suppress(Unavailable):  # the counters of this process are worth having without the database's
        await _measure(here, here.now())
    registry: CollectorRegistry = here.counters.registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Plain(body=generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _measure(here: Here, now: datetime) -> None:
    state = await here.ask(intake.state)
    here.counters.refused_lines.set(state.refused)
    here.counters.awaited.labels(state="waiting").set(state.waiting)
    here.counters.awaited.labels(state="missing").set(state.missing)
    await _measure_made(here, now)
    patience = timedelta(seconds=here.settings.node_dead_seconds)
    for node, count in (await here.ask(lambda connection: nodes.counts(connection, patience))).items():
        here.counters.nodes.labels(state=node).set(count)
    here.counters.trusts_all.set(int(here.settings.ssl_trust_all))
    if state.read_at:
        here.counters.ingest_lag.set((now - state.read_at).total_seconds())


async def _measure_made(here: Here, now: datetime) -> None:
    """What is made for those who asked for it, and its announcements."""
    made, announced = await here.ask(exports.counts), await here.ask(deliveries.counts)
    taken = await here.ask(selections.counts)
    for export in ExportState:
        here.counters.exports.labels(state=export).set(made.get(export, 0))
    for delivery in DeliveryState:
        here.counters.deliveries.labels(state=delivery).set(announced.get(delivery, 0))
    for selection in SelectionState:
        here.counters.selections.labels(state=selection).set(taken.get(selection, 0))
    for of, oldest in (("exports", exports.oldest_due), ("selections", selections.oldest_due)):
        since = await here.ask(oldest)
        here.counters.oldest_due.labels(of=of).set(max(0.0, (now - since).total_seconds()) if since else 0)

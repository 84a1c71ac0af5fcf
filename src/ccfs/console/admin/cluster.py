"""Nodes and locations for operators: their state, draining and resuming them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.console.admin.status import format_span
from ccfs.console.request import ConsoleRequest
from ccfs.console.statistics import storage
from ccfs.db.system import clock_times, nodes
from ccfs.db.system.console import audit
from ccfs.db.system.storage import locations, retention_marks
from ccfs.db.system.storage.locations import LocationUsage
from ccfs.db.system.storage.retention_marks import RetentionMark
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.clocks import ClockReading, find_disagreement
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.node import NodeRecord, NodeState
from ccfs.web.responses.types import BytesResponse, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """Nodes and locations of the database."""

    now: datetime  # by the database's clock
    nodes: list[NodeRecord]
    locations: dict[str, LocationConfig]
    usage: dict[str, LocationUsage]
    clocks: ClockReading
    marks: list[RetentionMark]  # months that retention will delete


async def show_cluster(request: ConsoleRequest) -> Response:
    """Show every node and location."""
    return await render_cluster(request)


async def set_node_state(request: ConsoleRequest) -> Response:
    """Drain or resume a node. The last active node cannot be drained, since no other would serve this page."""
    node_id, state = request.form.get("node", ""), _parse_state(request.form.get("state", ""))
    view = await request.context.query(_load_view)
    if node_id not in {node.id for node in view.nodes}:
        raise NotFound
    others = [node for node in view.nodes if node.id != node_id]
    if state is NodeState.DRAINING and not any(_is_active(request, node, view.now) for node in others):
        return await render_cluster(
            request, 400, request.translate("This is the only active node. Start or resume another node first.")
        )
    action = AuditAction.NODE_DRAINED if state is NodeState.DRAINING else AuditAction.NODE_RESUMED

    def change(connection: Connection) -> None:
        nodes.set_state(connection, node_id, state)
        audit.add(connection, request.build_audit_entry(action, node_id))

    await request.context.transaction(change)
    return request.redirect("/console/cluster")


async def set_location_state(request: ConsoleRequest) -> Response:
    """Drain or resume a location. This node's primary location cannot be drained: its new blobs go there."""
    location_id, state = request.form.get("location", ""), _parse_state(request.form.get("state", ""))
    if location_id not in (await request.context.query(_load_view)).locations:
        raise NotFound
    is_draining = state is NodeState.DRAINING
    if is_draining and location_id == request.context.primary_location.location_id:
        problem = "This node writes new files to this location. Set CCFS_PRIMARY_LOCATION to another location on every node first."
        return await render_cluster(request, 400, request.translate(problem))
    action = AuditAction.LOCATION_DRAINED if is_draining else AuditAction.LOCATION_RESUMED

    def change(connection: Connection) -> None:
        locations.update(connection, location_id, is_draining=is_draining)
        audit.add(connection, request.build_audit_entry(action, location_id))

    await request.context.transaction(change)
    return request.redirect("/console/cluster")


def _parse_state(text: str) -> NodeState:
    if text not in list(NodeState):
        raise NotFound
    return NodeState(text)


def _is_active(request: ConsoleRequest, node: NodeRecord, now: datetime) -> bool:
    return node.state is NodeState.ACTIVE and node.is_alive(now, get_node_timeout(request))


def get_node_timeout(request: ConsoleRequest) -> timedelta:
    """Return the time without a heartbeat after which a node counts as dead."""
    return timedelta(seconds=request.context.settings.node_timeout_seconds)


async def render_cluster(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    """Return the page of nodes and locations."""
    view, timeout = await request.context.query(_load_view), get_node_timeout(request)
    bound = timedelta(hours=request.context.settings.clock_max_difference_hours)
    return request.render_page(
        "cluster.html",
        status,
        problem,
        field,
        view=view,
        alive_nodes={node.id for node in view.nodes if node.is_alive(view.now, timeout)},
        primary_location=request.context.primary_location.location_id,
        storage=await storage.load_storage_statistics(request),
        format_axis_size=storage.format_axis_size,
        format_span=lambda span: format_span(request, span),
        disagreement=find_disagreement(view.clocks, bound),
    )


def _load_view(connection: Connection) -> ClusterView:
    return ClusterView(
        now=nodes.get_database_time(connection),
        nodes=nodes.list_all(connection),
        locations=locations.get_all(connection),
        usage=locations.get_usage(connection),
        clocks=clock_times.read_clocks(connection, datetime.now(UTC), clock_times.get_server_time(connection)),
        marks=retention_marks.list_marks(connection),
    )

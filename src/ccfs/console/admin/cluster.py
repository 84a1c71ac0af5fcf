"""Nodes and locations for operators: who shares the database, where bytes lie; draining one, and letting it work again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit, nodes
from ccfs.db.system import locations as store
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.node import NodeRecord, NodeState
from ccfs.web.responses.types import BytesResponse, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What the rows say."""

    now: datetime  # the database's
    nodes: list[NodeRecord]
    locations: dict[str, LocationConfig]
    usage: dict[str, store.LocationUsage]


async def show_cluster(visit: ConsoleRequest) -> Response:
    """Every node and location."""
    _require_operator(visit)
    return await _render_page(visit)


async def set_node_state(visit: ConsoleRequest) -> Response:
    """Let a node take no new work, or work again. The last one that works goes on: nobody would serve this page."""
    _require_operator(visit)
    name, state = visit.form.get("node", ""), _parse_state(visit.form.get("state", ""))
    shown = await visit.context.query(_load_view)
    if name not in {one.id for one in shown.nodes}:
        raise NotFound
    if state is NodeState.DRAINING and not any(
        one.id != name and _is_working(visit, one, shown.now) for one in shown.nodes
    ):
        return await _render_page(visit, 400, visit.translate("No other node works: this one must."))
    did = AuditAction.NODE_DRAINED if state is NodeState.DRAINING else AuditAction.NODE_RESUMED

    def change(connection: Connection) -> None:
        nodes.set_state(connection, name, state)
        audit.add(connection, visit.build_audit_entry(did, name))

    await visit.context.transaction(change)
    return visit.redirect("/console/cluster")


async def set_location_state(visit: ConsoleRequest) -> Response:
    """Let no new bytes go to a location, or again. Not where this node's go: another one must be named first."""
    _require_operator(visit)
    name, state = visit.form.get("location", ""), _parse_state(visit.form.get("state", ""))
    if name not in (await visit.context.query(_load_view)).locations:
        raise NotFound
    if state is NodeState.DRAINING and name == visit.context.primary_location.location_id:
        problem = (
            "New bytes of this node go there: let CCFS_PRIMARY_LOCATION name another location on every node first."
        )
        return await _render_page(visit, 400, visit.translate(problem))
    did = AuditAction.LOCATION_DRAINED if state is NodeState.DRAINING else AuditAction.LOCATION_RESUMED

    def change(connection: Connection) -> None:
        store.update(connection, name, is_draining=state is NodeState.DRAINING)
        audit.add(connection, visit.build_audit_entry(did, name))

    await visit.context.transaction(change)
    return visit.redirect("/console/cluster")


def _require_operator(visit: ConsoleRequest) -> None:
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound


def _parse_state(text: str) -> NodeState:
    if text not in list(NodeState):
        raise NotFound
    return NodeState(text)


def _is_working(visit: ConsoleRequest, node: NodeRecord, now: datetime) -> bool:
    return node.state is NodeState.ACTIVE and node.is_alive(now, _get_node_timeout(visit))


def _get_node_timeout(visit: ConsoleRequest) -> timedelta:
    return timedelta(seconds=visit.context.settings.node_timeout_seconds)


async def _render_page(visit: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    shown = await visit.context.query(_load_view)
    alive = {one.id for one in shown.nodes if one.is_alive(shown.now, _get_node_timeout(visit))}
    home = visit.context.primary_location.location_id
    return visit.render_page(
        "cluster.html",
        status,
        view=shown,
        alive_nodes=alive,
        primary_location=home,
        format_location=_format_location,
        problem=problem,
    )


def _load_view(connection: Connection) -> ClusterView:
    return ClusterView(
        now=nodes.get_database_time(connection),
        nodes=nodes.list_all(connection),
        locations=store.get_all(connection),
        usage=store.get_usage(connection),
    )


def _format_location(place: LocationConfig) -> str:
    """Where it is, for people."""
    if place.kind is not LocationKind.S3:
        return place.root
    return "/".join(filter(None, (place.endpoint.rstrip("/") or "s3:/", place.root, place.prefix)))

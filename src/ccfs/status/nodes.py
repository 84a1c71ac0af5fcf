"""Nodes and clocks: which nodes are alive, which drain, and whether the clocks agree."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.system import clock_times, nodes
from ccfs.model.clocks import find_disagreement
from ccfs.model.node import NodeState
from ccfs.status.findings import Area, Finding, FindingKind, Severity, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node."""

    id: str
    is_alive: bool
    is_draining: bool
    silence: timedelta  # since its last heartbeat
    version: str
    certificate_expires_at: datetime | None = None  # of its TLS server


def check_nodes(
    connection: Connection, timeout: timedelta, clock_bound: timedelta, now: datetime
) -> tuple[tuple[NodeStatus, ...], list[Finding]]:
    """Return all nodes, and what is wrong with them or with the clocks."""
    database_now = nodes.get_database_time(connection)
    found = tuple(
        NodeStatus(
            id=node.id,
            is_alive=node.is_alive(database_now, timeout),
            is_draining=node.state is NodeState.DRAINING,
            silence=max(timedelta(), database_now - node.heartbeat_at),
            version=node.version,
            certificate_expires_at=node.certificate_expires_at,
        )
        for node in nodes.list_all(connection)
    )
    findings = [finding for node in found for finding in _judge_node(node)]
    if found and not any(node.is_alive and not node.is_draining for node in found):
        kind = FindingKind.NO_ACTIVE_NODE
        findings.append(Finding(kind=kind, area=Area.NODES, severity=Severity.PROBLEM, path="/console/cluster"))
    reading = clock_times.read_clocks(connection, now, clock_times.get_server_time(connection))
    if details := find_disagreement(reading, clock_bound):
        findings.append(
            Finding(
                kind=FindingKind.CLOCKS_DISAGREE,
                area=Area.NODES,
                severity=Severity.PROBLEM,
                values={"details": details},
                path="/console/cluster",
                command="ccfs node clock",
            )
        )
    return found, findings


def _judge_node(node: NodeStatus) -> list[Finding]:
    values: dict[str, Value] = {"node": node.id}
    if not node.is_alive:
        values["age"] = int(node.silence.total_seconds())
        kind, severity, command = FindingKind.NODE_SILENT, Severity.WARNING, f"ccfs node remove {node.id}"
    elif node.is_draining:
        kind, severity, command = FindingKind.NODE_DRAINING, Severity.NOTICE, f"ccfs node resume {node.id}"
    else:
        return []
    return [
        Finding(kind=kind, area=Area.NODES, severity=severity, values=values, path="/console/cluster", command=command)
    ]

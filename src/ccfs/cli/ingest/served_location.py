"""Whether the recordings that ingest stores can be read by the nodes that serve them."""

from ccfs.db.system import nodes
from ccfs.server.node import Node


def find_unserved_location(node: Node) -> str:
    """Return a warning if recordings go to a disk of this node while other nodes run and it does not, else ""."""
    config = node.locations.get_configs().get(node.primary_location.location_id)
    if not node.settings.database_url or config is None or not config.node:
        return ""
    with node.database.read_transaction() as connection:
        now = nodes.get_database_time(connection)
        alive = {record.id for record in nodes.list_all(connection) if record.is_alive(now, node.liveness_timeout)}
    if not alive or config.node in alive:  # without any server, the first one may be the disk's
        return ""
    return (
        f"recordings go to location {config.id}, a disk of node {config.node}, and no server runs on its data folder"
        f" {node.settings.data}: clients cannot download them until one does. Use the data folder of a running node, or"
        " set CCFS_PRIMARY_LOCATION to a location that all nodes can read"
    )

"""Adding and removing locations, and removing dead nodes, with the checks of the command line."""

import asyncio
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection

from ccfs.blobs.probe import probe_location
from ccfs.console.admin.cluster import get_node_timeout, render_cluster
from ccfs.console.login.attempts import requires_password
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import nodes
from ccfs.db.system.console import audit
from ccfs.db.system.jobs import blob_moves
from ccfs.db.system.storage import location_references, locations
from ccfs.db.system.storage.location_references import LocationReferences
from ccfs.model.blobs.location_config import LocationConfig, LocationKind, is_location_id
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import Response

MAX_TEXT_LENGTH: Final = 500
_FIELDS: Final = ("location", "kind", "root", "prefix", "endpoint", "region")


@requires_password(render_cluster)
async def add_location(request: ConsoleRequest) -> Response:
    """Add a location once this node has written, read and deleted a small file there."""
    config, problem, field = _parse_config(request)
    if config is None:
        return await render_cluster(request, 400, request.translate(problem), field)
    registry = request.context.locations
    try:
        location = registry.open_config(config)
        await asyncio.to_thread(probe_location, location, is_read_only=config.is_read_only)
    except (OperatorError, OSError) as error:
        problem = request.translate("Location not added: {reason}.", reason=error)
        return await render_cluster(request, 400, problem, "")

    def change(connection: Connection) -> None:
        locations.add(connection, config)
        target = f"{config.id} {config.kind} {config.display_address}"
        audit.add(connection, request.build_audit_entry(AuditAction.LOCATION_ADDED, target))

    try:
        await request.context.transaction(change)
    except OperatorError:
        problem = request.translate("A location {id} exists already.", id=config.id)
        return await render_cluster(request, 400, problem, "location")
    return request.redirect("/console/cluster")


async def remove_location(request: ConsoleRequest) -> Response:
    """Remove a draining location to which nothing refers any more."""
    location_id = request.form.get("location", "")

    def change(connection: Connection) -> LocationReferences | None:
        config = locations.get_all(connection).get(location_id)
        if config is None:
            raise NotFound
        references = location_references.find_references(connection, location_id)
        if references.is_any or not config.is_draining:
            return references
        locations.remove(connection, location_id)
        target = f"{location_id} {config.display_address}"
        audit.add(connection, request.build_audit_entry(AuditAction.LOCATION_REMOVED, target))
        return None

    if location_id == request.context.settings.tier_to:
        problem = request.translate("Older files are moved to this location. Change CCFS_TIER_TO first.")
        return await render_cluster(request, 400, problem)
    references = await request.context.transaction(change)
    if references:
        return await render_cluster(request, 400, _explain_references(request, references))
    return request.redirect("/console/cluster")


def _explain_references(request: ConsoleRequest, references: LocationReferences) -> str:
    """Return what keeps a location from being removed."""
    t, most = request.translate, location_references.MAX_COUNTED
    if not references.is_any:
        return t("This location still takes new files. Drain it first.")
    counts = {
        t("recordings"): references.recordings,
        t("voice files"): references.voice_files,
        t("exports"): references.exports,
        t("files to be deleted"): references.orphans,
        t("moves that have not ended"): len(references.moves),
    }
    parts = [f"{name} {'≥ ' if count >= most else ''}{count:,}" for name, count in counts.items() if count]
    return t("This location is still in use: {parts}.", parts=", ".join(parts))


async def remove_node(request: ConsoleRequest) -> Response:
    """Remove a node that does not respond, unless a location of its own still has files."""
    node_id, timeout = request.form.get("node", ""), get_node_timeout(request)

    def change(connection: Connection) -> str:
        record = nodes.find_by_id(connection, node_id)
        if record is None:
            raise NotFound
        if record.is_alive(nodes.get_database_time(connection), timeout):
            problem = "This node is alive. Stop it first."
            return problem
        own = [config.id for config in locations.get_all(connection).values() if config.node == node_id]
        if any(blob_moves.has_blobs(connection, location_id) for location_id in own):
            problem = "Locations of this node have files. Run ccfs node remove, which checks for replicas."
            return problem
        nodes.delete(connection, node_id)
        audit.add(connection, request.build_audit_entry(AuditAction.NODE_REMOVED, node_id))
        return ""

    if problem := await request.context.transaction(change):
        return await render_cluster(request, 400, request.translate(problem))
    return request.redirect("/console/cluster")


def _parse_config(request: ConsoleRequest) -> tuple[LocationConfig | None, str, str]:
    """Return the location of the form; or None, what is wrong with it, and the name of the wrong field."""
    fields = {name: request.form.get(name, "").strip() for name in _FIELDS}
    number, kind, root, endpoint = fields["location"], fields["kind"], fields["root"], fields["endpoint"]
    problem, field = "", "root"
    if not is_location_id(number):
        problem = "Enter a location ID: a number of up to 9 digits."
        field = "location"
    elif kind not in (LocationKind.DISK, LocationKind.S3) or any(
        len(text) > MAX_TEXT_LENGTH for text in fields.values()
    ):
        problem = "Choose a disk or an S3 bucket."
        field = "kind"
    elif kind == LocationKind.DISK and not PurePosixPath(root).is_absolute():
        problem = "Enter the absolute path of a folder."
    elif kind == LocationKind.S3 and not root:
        problem = "Enter the name of a bucket."
    elif endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        problem = "Enter an endpoint with https:// or http://."
        field = "endpoint"
    if problem:
        return None, problem, field
    is_disk, is_shared = kind == LocationKind.DISK, request.form.get("shared") == "yes"
    config = LocationConfig(
        id=number,
        kind=LocationKind(kind),
        root=root,
        prefix="" if is_disk else fields["prefix"].strip("/"),
        endpoint="" if is_disk else endpoint,
        region="" if is_disk else fields["region"],
        is_virtual_hosted=not is_disk and request.form.get("virtual_hosted") == "yes",
        node=request.context.locations.node if is_disk and not is_shared else "",
        is_read_only=request.form.get("read_only") == "yes",
        created_at=request.context.now(),
    )
    return config, "", ""

"""Moving the files of one location to another: requesting a move, its progress, pausing, resuming and stopping it."""

from datetime import timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console import render
from ccfs.console.admin.status import format_span
from ccfs.console.forms.confirmation import Question
from ccfs.console.labels import MOVE_PROBLEMS, MOVE_STATES
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import nodes
from ccfs.db.system.console import audit
from ccfs.db.system.jobs import location_moves
from ccfs.db.system.storage import disk_samples, location_checks, locations, storage_statistics
from ccfs.model.blobs.location_move import LocationMove, MoveState, conflicts_with, find_move_problem
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import BytesResponse, Response

MOVES: Final = "/console/cluster/moves"
MAX_AGE_DAYS: Final = 36_500
_ACTIONS: Final = {
    MoveState.PAUSED: AuditAction.LOCATION_MOVE_PAUSED,
    MoveState.DUE: AuditAction.LOCATION_MOVE_RESUMED,
    MoveState.STOPPED: AuditAction.LOCATION_MOVE_STOPPED,
}


async def show_moves(request: ConsoleRequest) -> Response:
    """Show all moves and the form that starts one."""
    return await _render_moves(request)


async def request_move(request: ConsoleRequest) -> Response:
    """Start a move: a node that opens both locations directly carries it out."""
    problem, field = await _find_problem(request)
    if problem:
        return await _render_moves(request, 400, problem, field)
    source, target = _get_locations(request)
    now, days = request.context.now(), _get_days(request) or 0

    def change(connection: Connection) -> bool:
        if conflicts_with(location_moves.list_moves(connection), source, target):
            return False
        before, actor = now - timedelta(days=days), request.current_user.name
        location_moves.request(connection, source, target, before, actor, now)
        text = f"{source} → {target}" + (f" (> {days} d)" if days else "")
        audit.add(connection, request.build_audit_entry(AuditAction.LOCATION_MOVE_REQUESTED, text))
        return True

    if not await request.context.transaction(change):
        return await _render_moves(request, 400, _explain_conflict(request), "source")
    return request.redirect(MOVES)


async def change_move(request: ConsoleRequest) -> Response:
    """Pause, resume or stop a move."""
    move_id, text = request.form.get("move", ""), request.form.get("state", "")
    state = next((state for state in _ACTIONS if state == text), None)
    if state is None:
        raise NotFound
    now = request.context.now()

    def explain(connection: Connection) -> str:
        if state is MoveState.DUE and location_moves.has_conflict(connection, move_id):
            return _explain_conflict(request)
        return request.translate("This move has already ended or changed.")

    def change(connection: Connection) -> bool:
        move = location_moves.find(connection, move_id)  # old ones are deleted
        is_changed = location_moves.change_state(connection, move_id, state, now)
        if is_changed and move:
            target = f"{move.source} → {move.target}"
            audit.add(connection, request.build_audit_entry(_ACTIONS[state], target))
        return is_changed

    if not await request.context.transaction(change):
        return await _render_moves(request, 400, await request.context.query(explain))
    return request.redirect(MOVES)


async def ask_move(request: ConsoleRequest) -> Question | None:
    """Ask before a move, and say what it does; None if it is rejected anyway."""
    if (await _find_problem(request))[0]:
        return None
    t, (source, target), days = request.translate, _get_locations(request), _get_days(request)
    config = request.context.locations.get_configs()[source]
    files, size, free = await request.context.query(lambda connection: _measure(connection, source, target))
    consequences = [
        t(
            "Location {name} has about {count} recordings ({size}).",
            name=source,
            count=f"{files:,}",
            size=render.format_size(size),
        )
    ]
    if days:
        consequences.append(t("Only files that were stored more than {count} days ago are moved.", count=days))
    grace = format_span(request, timedelta(seconds=request.context.settings.move_grace_seconds))
    consequences.append(
        t(
            "Each file is copied to location {name} and verified. Its original is deleted {time} later. Recordings can be played throughout.",
            name=target,
            time=grace,
        )
    )
    if not config.is_draining:
        consequences.append(
            t("Location {name} is not draining: new files may still be stored there, and are not moved.", name=source)
        )
    if free is not None and free < size:
        consequences.append(
            t("Location {name} has only {size} of free space.", name=target, size=render.format_size(free))
        )
    return Question(
        title=t("Move files from location {source} to location {target}?", source=source, target=target),
        consequences=tuple(consequences),
        action=t("Start move"),
        cancel_path=MOVES,
    )


async def ask_change_move(request: ConsoleRequest) -> Question | None:
    """Ask before a move is stopped; it can be paused and resumed at any time."""
    if request.form.get("state") != MoveState.STOPPED:
        return None
    t, move_id = request.translate, request.form.get("move", "")
    move = await request.context.query(lambda connection: location_moves.find(connection, move_id))
    if move is None:
        raise NotFound
    return Question(
        title=t("Stop the move from location {source} to location {target}?", source=move.source, target=move.target),
        consequences=(
            t("Files that have been moved stay in location {name}.", name=move.target),
            t("The others stay in location {name}. To go on later, pause the move instead.", name=move.source),
        ),
        action=t("Stop move"),
        cancel_path=MOVES,
    )


def _measure(connection: Connection, source: str, target: str) -> tuple[int, int, int | None]:
    """Return the recordings of the source and their bytes, by the last count, and the free bytes of the target."""
    amounts = [months[source] for months in storage_statistics.load(connection).values() if source in months]
    latest = disk_samples.find_latest(connection, target)
    return sum(one.files for one in amounts), sum(one.size for one in amounts), latest.free if latest else None


def _get_locations(request: ConsoleRequest) -> tuple[str, str]:
    return request.form.get("source", ""), request.form.get("target", "")


def _get_days(request: ConsoleRequest) -> int | None:
    text = request.form.get("days", "").strip()
    return parse_number(text, MAX_AGE_DAYS) if text else 0


async def _find_problem(request: ConsoleRequest) -> tuple[str, str]:
    """Return what is wrong with the form, translated, and the name of the field; ("", "") if nothing is."""
    t, (source_id, target_id) = request.translate, _get_locations(request)
    configs = await request.context.query(locations.get_all)
    source, target = configs.get(source_id), configs.get(target_id)
    if source is None or target is None:
        return t("Choose a location."), "target" if source else "source"
    if _get_days(request) is None:
        return t("Enter a number of days, or leave the field empty."), "days"
    if kind := find_move_problem(source, target):
        field = "source" if kind.startswith("source") else "target"
        return t(MOVE_PROBLEMS[kind], source=source.id, target=target.id), field
    timeout = timedelta(seconds=request.context.settings.node_timeout_seconds)
    unable, moves = await request.context.query(
        lambda connection: (
            location_checks.list_unable_readers(connection, target, timeout),
            location_moves.list_moves(connection),
        )
    )
    if unable:
        untried = t("has not been checked yet; try again in half a minute")
        reasons = "; ".join(f"{reader.node_id}: {reader.failure or untried}" for reader in unable)
        problem = t("Nodes cannot read location {name}, so recordings there could not be played:", name=target.id)
        return f"{problem} {reasons}", "target"
    if conflicts_with(moves, source.id, target.id):
        return _explain_conflict(request), "source"
    return "", ""


def _explain_conflict(request: ConsoleRequest) -> str:
    return request.translate("Another move of these locations has not ended. Wait for it, or stop it.")


async def _render_moves(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    moves, configs, alive = await request.context.query(lambda connection: _load(connection, request))
    return request.render_page(
        "location_moves.html",
        status,
        problem,
        field,
        moves=moves,
        locations=configs,
        waits={move.id: _explain_waiting(request, move, alive) for move in moves},
        is_moving=any(move.state is MoveState.DUE for move in moves),
        states=MOVE_STATES,
        State=MoveState,
        format_span=lambda span: format_span(request, span),
    )


def _load(connection: Connection, request: ConsoleRequest) -> tuple[list[LocationMove], dict[str, str], list[str]]:
    timeout = timedelta(seconds=request.context.settings.node_timeout_seconds)
    now = nodes.get_database_time(connection)
    configs = locations.get_all(connection).values()
    names = {config.id: f"{config.id} · {config.display_address or config.node or config.kind}" for config in configs}
    alive = [node.id for node in nodes.list_all(connection) if node.is_alive(now, timeout)]
    return location_moves.list_moves(connection), names, alive


def _explain_waiting(request: ConsoleRequest, move: LocationMove, alive: list[str]) -> str:
    """Return why a move that could go on does not; "" if it does."""
    if move.state is not MoveState.DUE or move.is_working:
        return ""
    configs = request.context.locations.get_configs()
    needed = {config.node for config in map(configs.get, (move.source, move.target)) if config and config.node}
    if missing := needed - set(alive):
        return request.translate("Waiting for node {name}, which does not respond.", name=", ".join(sorted(missing)))
    if move.error:
        return request.translate("Will be tried again: {reason}", reason=move.error)
    return request.translate("Waiting for a node.")

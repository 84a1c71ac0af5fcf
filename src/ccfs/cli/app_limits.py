"""ccfs app limits: show and change the limits of an app."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ccfs.cli.common import DataFolderOption, JsonOption, add_audit_entry, open_node, print_result
from ccfs.db.system import app_limits, tenants
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.app_limits import LIMIT_NAMES, MAX_LIMIT, AppLimits
from ccfs.model.identity.audit import AuditAction

_ACTOR = "ccfs app limits"  # in the audit log
_DEFAULT = "default"
_HELP = "; 0: unlimited, default: the setting."


def _build_option(text: str) -> Any:
    return typer.Option(help=text + _HELP, metavar="N", show_default=False)


def change_limits(
    app: Annotated[str, typer.Argument(metavar="AK", help="AK (appId) of the app.")],
    concurrent_downloads: Annotated[str | None, _build_option("Requests for files at a time, per node")] = None,
    concurrent_queries: Annotated[str | None, _build_option("Other requests at a time, per node")] = None,
    downloads_per_minute: Annotated[str | None, _build_option("Requests for files per minute, per node")] = None,
    queries_per_minute: Annotated[str | None, _build_option("Other requests per minute, per node")] = None,
    bytes_per_second: Annotated[str | None, _build_option("Bytes per second of all responses, per node")] = None,
    queued_exports: Annotated[str | None, _build_option("Exports that are not ready yet")] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits of an app, after changing those that are given. Servers apply them within seconds."""
    given = {
        "concurrent_downloads": concurrent_downloads,
        "concurrent_queries": concurrent_queries,
        "downloads_per_minute": downloads_per_minute,
        "queries_per_minute": queries_per_minute,
        "bytes_per_second": bytes_per_second,
        "queued_exports": queued_exports,
    }
    changes = {name: _parse_limit(name, text) for name, text in given.items() if text is not None}
    node = open_node(data)
    with node.database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        limits = app_limits.get(connection, owner)
        if changes:
            limits = AppLimits(**asdict(limits) | changes)
            app_limits.save(connection, owner, limits)
            target = f"{app} {limits.format_changes()}"
            add_audit_entry(connection, _ACTOR, AuditAction.APP_LIMITED, target, owner.id)
    own, effective = asdict(limits), asdict(limits.merge(node.settings.default_app_limits))
    text = "\n".join(_format_line(name, own[name], effective[name]) for name in LIMIT_NAMES)
    print_result({"app": app, "number": owner.id, "own": own, "limits": effective}, as_json, text)


def _parse_limit(name: str, text: str) -> int | None:
    if text == _DEFAULT:
        return None
    limit = parse_number(text, MAX_LIMIT)
    if limit is None:
        raise typer.BadParameter(f"--{name.replace('_', '-')} {text} is neither a number nor default")
    return limit


def _format_line(name: str, own: int | None, effective: int) -> str:
    return f"{name.replace('_', '-')}  {effective or 'unlimited'}{'' if own is not None else '  (default)'}"

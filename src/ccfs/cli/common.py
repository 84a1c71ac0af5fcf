"""Shared by all commands: common options, opening the node, printing results."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import Connection

from ccfs import settings
from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.server.node import Node, utc_now

DataFolderOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder (or CCFS_DATA).", show_default=False, metavar="DIR")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
AppKeyOption = Annotated[str, typer.Option("--app", help="AK (appId) of the app.", metavar="AK")]


def open_node(data: Path | None) -> Node:
    """Open the node of a command. Set CCFS_DATA to `data`, so that child processes use it, too."""
    if data is not None:
        os.environ["CCFS_DATA"] = str(data.absolute())
    return Node(settings.load_settings())


def print_lines(value: dict[str, Any], as_json: bool, lines: Sequence[str], nothing: str) -> None:
    """Print the result as JSON or as lines of text. If there are none, print a note to stderr, where scripts do not read it."""
    if lines or as_json:
        print_result(value, as_json, "\n".join(lines))
    else:
        print(nothing, file=sys.stderr)


def print_result(value: dict[str, Any], as_json: bool, text: str) -> None:
    """Print the result as JSON or as text."""
    print(json.dumps(value, ensure_ascii=False) if as_json else text)
    sys.stdout.flush()


def add_audit_entry(
    connection: Connection, command: str, action: AuditAction, target: str, app: int | None = None
) -> None:
    """Add what a command changes to the audit log, with the command in place of a user."""
    audit.add(connection, AuditEntry(logged_at=utc_now(), actor=command, app=app, action=action, target=target))

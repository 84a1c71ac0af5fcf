"""Entry point: the tree of commands and the reporting of errors. Exit status: 0 done, 1 failed, 2 wrong usage."""

import gc
import os
import sys
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from ccfs import __version__
from ccfs.cli.common import DataFolderOption
from ccfs.cli.stop_signal import end_on_signals
from ccfs.model.errors import CcfsError

COMMANDS = (
    "serve",
    "call",
    "app",
    "account",
    "callback",
    "trust",
    "location",
    "ingest",
    "deliveries",
    "node",
    "user",
    "speech",
)


class LazyGroup(typer.core.TyperGroup):
    """The commands by name. Each command's file is imported on demand: importing all takes a second."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names in the order of the help."""
        return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name. For an unknown name load all, so that Typer can suggest one."""
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            self.commands.setdefault(name, _command(name))
        gc.freeze()  # imported modules are no garbage: collecting at exit takes longer than most commands
        return self.commands.get(cmd_name)


def _command(name: str) -> Any:
    branch = typer.Typer()
    _load(branch, name)
    return typer.main.get_group(branch).commands[name]


def _load(branch: typer.Typer, name: str) -> None:
    match name:
        case "serve":
            from ccfs.cli import serve

            branch.command(name)(serve.serve)
        case "app" | "account" | "callback":
            from ccfs.cli import tenancy

            branch.add_typer(tenancy.COMMAND_GROUPS[name], name=name)
        case "trust":
            from ccfs.cli import trust

            branch.add_typer(trust.trust_commands, name=name)
        case "location":
            from ccfs.cli import location

            branch.add_typer(location.location_commands, name=name)
        case "ingest":
            from ccfs.cli import ingest

            branch.add_typer(ingest.ingest_commands, name=name)
        case "deliveries":
            from ccfs.cli import deliveries

            branch.add_typer(deliveries.delivery_commands, name=name)
        case "node":
            from ccfs.cli import nodes

            branch.add_typer(nodes.node_commands, name=name)
        case "user":
            from ccfs.cli import users

            branch.add_typer(users.user_commands, name=name)
        case "speech":
            from ccfs.cli import speech

            branch.add_typer(speech.speech_commands, name=name)
        case "call":
            from ccfs.cli import call

            branch.command(name)(call.call_operation)


app = typer.Typer(
    name="ccfs",
    cls=LazyGroup,
    help="Contact-centre file service, compatible with CC-FS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    data: DataFolderOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if data is not None:
        os.environ["CCFS_DATA"] = str(data.absolute())


def main() -> None:
    """The entry point of the program `ccfs`."""
    end_on_signals()
    try:
        app(prog_name="ccfs")
    except CcfsError as error:
        _fail(str(error))
    except DBAPIError as error:
        _fail(f"database error: {error.orig}")
    except OSError as error:
        _fail(str(error))


def _fail(reason: str) -> None:
    print(f"ccfs: {reason}", file=sys.stderr)
    sys.exit(1)

"""The door: the tree of commands, and what becomes of errors. 0 done, 1 failed, 2 wrong use."""

import os
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from ccfs import __version__
from ccfs.cli import call, deliveries, ingest, location, nodes, serve, tenancy, trust, users
from ccfs.cli.common import DataFolder
from ccfs.model.errors import CcfsError

app = typer.Typer(
    name="ccfs",
    help="Contact-centre file service, wire-compatible with CC-FS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.add_typer(tenancy.apps, name="app")
app.add_typer(tenancy.accounts, name="account")
app.add_typer(tenancy.callbacks, name="callback")
app.add_typer(trust.trust, name="trust")
app.add_typer(location.location, name="location")
app.add_typer(ingest.ingest, name="ingest")
app.add_typer(deliveries.deliveries, name="deliveries")
app.add_typer(nodes.nodes, name="node")
app.add_typer(users.users, name="user")
app.command("call")(call.call)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    data: DataFolder = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    if data is not None:
        os.environ["CCFS_DATA"] = str(data.absolute())


def main() -> None:
    """The entry point of the program `ccfs`."""
    try:
        app(prog_name="ccfs")
    except CcfsError as error:
        _fail(str(error))
    except DBAPIError as error:
        _fail(f"the database refused: {error.orig}")
    except OSError as error:
        _fail(str(error))


def _fail(reason: str) -> None:
    print(f"ccfs: {reason}", file=sys.stderr)
    sys.exit(1)

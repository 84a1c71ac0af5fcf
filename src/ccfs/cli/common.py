"""What every command shares: its data folder, its output, how it fails."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ccfs import settings
from ccfs.server.node import Node

DataFolderOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder (or CCFS_DATA).", show_default=False, metavar="DIR")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
AppKeyOption = Annotated[str, typer.Option("--app", help="The app's AK (appId).", metavar="AK")]


def open_node(data: Path | None) -> Node:
    """The node of a command: its options win over the environment, which child processes see, too."""
    if data is not None:
        os.environ["CCFS_DATA"] = str(data.absolute())
    return Node(settings.load_settings())


def print_result(value: dict[str, Any], as_json: bool, text: str) -> None:
    """Print the result: the JSON object, or the text for people."""
    print(json.dumps(value, ensure_ascii=False) if as_json else text)
    sys.stdout.flush()

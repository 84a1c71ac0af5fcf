"""ccfs location: add, list, drain and remove storage locations; move files between them."""

from ccfs.cli.location.commands import location_commands

__all__ = ["location_commands"]

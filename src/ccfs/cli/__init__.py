"""The command line: one file per group of commands. What a command does lives in the packages below, not here."""

from ccfs.cli.door import main

__all__ = ["main"]

"""ccfs ingest: one file for each of its commands, and what they share."""

from ccfs.cli.ingest.verify import ingest_commands

__all__ = ["ingest_commands"]

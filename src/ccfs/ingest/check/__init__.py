"""Dry run of ingest over files and folders: find what they hold, ingest it into a scratch database, describe the result."""

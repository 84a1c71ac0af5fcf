"""Dry run of ingest over files and folders: recognise them, ingest them into a scratch database, describe the result."""

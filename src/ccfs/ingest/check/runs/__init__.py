"""Dry runs: ingest the files of one switch into a scratch database."""

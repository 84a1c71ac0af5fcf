"""Stored files: locations, orphans, and tokens for requests between nodes."""

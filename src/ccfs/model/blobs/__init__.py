"""Stored bytes: locations, orphans, tokens between nodes."""

"""Cleanup, retention and statistics."""

"""Sending responses: heads, files, and rates that responses share."""

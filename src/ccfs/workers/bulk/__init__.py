"""Preparing bulk downloads."""

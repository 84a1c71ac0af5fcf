"""Bulk downloads and their zips."""

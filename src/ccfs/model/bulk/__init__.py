"""Bulk downloads and their zip."""

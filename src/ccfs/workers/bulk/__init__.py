"""Bulk download jobs: recordings in a zip."""

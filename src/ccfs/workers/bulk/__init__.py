"""Bulk download jobs, which prepare recordings for download as a zip."""

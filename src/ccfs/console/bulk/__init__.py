"""Bulk downloads: pages and the streamed zip."""

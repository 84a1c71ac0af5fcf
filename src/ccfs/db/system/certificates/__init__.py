"""Certificates that callbacks trust: files, key stores and rows."""

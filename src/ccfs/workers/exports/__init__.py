"""Generating exports: CSV files in a zip."""

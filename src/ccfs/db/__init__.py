"""Rows: the database, its schema and migrations, rows of one app (tenant), rows of the system, CSV export."""

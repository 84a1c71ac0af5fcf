"""The database: its schema and migrations, rows of apps (tenant), rows of the whole system, and CSV export."""

"""Alembic migrations and the rules for rolling upgrades."""

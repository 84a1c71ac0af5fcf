"""Alembic's entry point. It runs migrations on the connection that versioning.py passes to it, and reads no settings."""

from alembic import context

from ccfs.db.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=False,
    transaction_per_migration=False,
)
context.run_migrations()

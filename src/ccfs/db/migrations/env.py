"""Alembic's entry: runs migrations on the connection that store/upgrade hands over. No settings are read here."""

from alembic import context

from ccfs.db.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=False,
    transaction_per_migration=False,
)
context.run_migrations()

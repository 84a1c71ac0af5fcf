"""Delete rejections whose cause no longer exists: the file was read or found in the meantime."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.model.identity.tenancy import App

_ERRORS = schema.ingest_errors
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query


def delete(connection: Connection, app: App, rejections: Iterable[IngestRejection]) -> None:
    """Delete these rejections."""
    for row in rejections:
        connection.execute(sa.delete(_ERRORS).filter_by(app=app.id, file=row.file, line=row.line, reason=row.reason))


def delete_of_files(connection: Connection, app: App, files: Sequence[str]) -> None:
    """Delete all rejections of these files."""
    for start in range(0, len(files), _NAMES_PER_QUERY):
        is_listed = _ERRORS.c.file.in_(files[start:][:_NAMES_PER_QUERY])
        connection.execute(sa.delete(_ERRORS).where(_ERRORS.c.app == app.id, is_listed))

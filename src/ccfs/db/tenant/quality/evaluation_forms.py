"""Rows of evaluation forms and their versions."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import has_room
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation_form import MAX_FORMS, EvaluationForm, FormContent, decode_content, encode_content

_FORMS, _VERSIONS = schema.evaluation_forms, schema.evaluation_form_versions


def add(
    connection: Connection, app: App, account_id: str, content: FormContent, author: str, now: datetime
) -> int | None:
    """Add a form with its first version, and return its id; None if the account has MAX_FORMS already."""
    own = (_FORMS.c.app == app.id) & (_FORMS.c.account_id == account_id)
    if not has_room(connection, app, _FORMS, own, MAX_FORMS):
        return None
    values = {"app": app.id, "account_id": account_id, "name": content.name, "version": 1, "is_retired": False}
    form_id: int = connection.execute(sa.insert(_FORMS).values(**values).returning(_FORMS.c.id)).scalar_one()
    _add_version(connection, app, form_id, 1, content, author, now)
    return form_id


def add_version(
    connection: Connection, app: App, form: EvaluationForm, content: FormContent, author: str, now: datetime
) -> bool:
    """Add the version after `form`, which must be the newest. False if another one has been added meanwhile."""
    newer = sa.update(_FORMS).where(_is_form(app, form), _FORMS.c.version == form.version)
    if connection.execute(newer.values(version=form.version + 1, name=content.name)).rowcount != 1:
        return False
    _add_version(connection, app, form.id, form.version + 1, content, author, now)
    return True


def _add_version(
    connection: Connection, app: App, form_id: int, version: int, content: FormContent, author: str, now: datetime
) -> None:
    values: dict[str, Any] = {"app": app.id, "form": form_id, "version": version, "content": encode_content(content)}
    connection.execute(sa.insert(_VERSIONS).values(**values, author=author, created_at=now))


def set_retired(connection: Connection, app: App, form: EvaluationForm, *, is_retired: bool) -> bool:
    """Retire a form, or use it again. False if it was so already."""
    changed = sa.update(_FORMS).where(_is_form(app, form), _FORMS.c.is_retired != is_retired)
    return connection.execute(changed.values(is_retired=is_retired)).rowcount == 1


def list_by_account(connection: Connection, app: App, account_id: str) -> list[EvaluationForm]:
    """Return an account's forms in their newest versions, those in use first, by name."""
    query = _select(_VERSIONS.c.version == _FORMS.c.version)
    own = query.where(_FORMS.c.app == app.id, _FORMS.c.account_id == account_id)
    rows = connection.execute(own.order_by(_FORMS.c.is_retired, _FORMS.c.name, _FORMS.c.id).limit(MAX_FORMS))
    return [_build_form(row) for row in rows]


def find(
    connection: Connection, app: App, account_id: str, form_id: int, version: int | None = None
) -> EvaluationForm | None:
    """Return a form of an account in a version, or in the newest one; None if there is none."""
    is_version = _VERSIONS.c.version == (_FORMS.c.version if version is None else version)
    own = (_FORMS.c.app == app.id) & (_FORMS.c.account_id == account_id) & (_FORMS.c.id == form_id)
    row = connection.execute(_select(is_version).where(own)).first()
    return _build_form(row) if row else None


def _select(is_version: sa.ColumnElement[bool]) -> sa.Select[Any]:
    is_of_form = (_VERSIONS.c.app == _FORMS.c.app) & (_VERSIONS.c.form == _FORMS.c.id) & is_version
    newest = _FORMS.c.version.label("newest_version")
    columns = (_FORMS.c.id, _FORMS.c.account_id, newest, _FORMS.c.is_retired)
    of_version = (_VERSIONS.c.version, _VERSIONS.c.content, _VERSIONS.c.author, _VERSIONS.c.created_at)
    return sa.select(*columns, *of_version).join(_VERSIONS, is_of_form)


def _is_form(app: App, form: EvaluationForm) -> sa.ColumnElement[bool]:
    return (_FORMS.c.app == app.id) & (_FORMS.c.account_id == form.account_id) & (_FORMS.c.id == form.id)


def _build_form(row: sa.Row[Any]) -> EvaluationForm:
    return EvaluationForm(
        id=row.id,
        account_id=row.account_id,
        version=row.version,
        newest_version=row.newest_version,
        is_retired=row.is_retired,
        content=decode_content(row.content),
        author=row.author,
        created_at=row.created_at,
    )

"""Rows of calibrations: calls that several users score without seeing each other's scores until all have submitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.quality.evaluations import build_call, build_evaluation, select_evaluations
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation import EvaluatedCall, Evaluation, EvaluationState
from ccfs.model.quality.evaluation_form import EvaluationForm

MIN_SCORERS: Final = 2
MAX_SCORERS: Final = 10
MAX_LISTED: Final = 200
_TABLE, _SCORERS, _EVALUATIONS = schema.calibrations, schema.calibration_scorers, schema.evaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibration, with the evaluations of its scorers."""

    id: int
    call: EvaluatedCall
    form: int
    version: int
    form_name: str
    author: str
    created_at: datetime
    closed_at: datetime | None  # when all had submitted, or the author ended it
    scorers: tuple[str, ...]
    submitted: tuple[Evaluation, ...]  # by scorer

    @property
    def waiting(self) -> tuple[str, ...]:
        """The scorers who have not submitted."""
        done = {evaluation.scorer for evaluation in self.submitted}
        return tuple(name for name in self.scorers if name not in done)


def add(
    connection: Connection,
    app: App,
    call: EvaluatedCall,
    form: EvaluationForm,
    scorers: Sequence[str],
    author: str,
    now: datetime,
) -> int:
    """Add a calibration and return its id."""
    values: dict[str, Any] = {"account_id": call.account_id, "call_id": call.call_id, "call_begin": call.call_begin}
    values |= {"agent_id": call.agent_id, "form": form.id, "version": form.version, "author": author, "created_at": now}
    new = sa.insert(_TABLE).values(app=app.id, **values).returning(_TABLE.c.id)
    calibration_id: int = connection.execute(new).scalar_one()
    rows = [{"app": app.id, "calibration": calibration_id, "scorer": scorer} for scorer in scorers]
    connection.execute(sa.insert(_SCORERS), rows)
    return calibration_id


def find(connection: Connection, app: App, account_id: str, calibration_id: int) -> Calibration | None:
    """Return a calibration of an account; None if there is none."""
    found = _load(connection, app, account_id, _TABLE.c.id == calibration_id)
    return found[0] if found else None


def list_by_account(connection: Connection, app: App, account_id: str) -> list[Calibration]:
    """Return the newest calibrations of an account, the newest first."""
    return _load(connection, app, account_id, sa.true())


def list_open(connection: Connection, app: App, account_id: str, scorer: str) -> list[Calibration]:
    """Return the open calibrations in which a user has still to score the call, the newest first."""
    of_scorer = sa.select(_SCORERS.c.calibration).where(_SCORERS.c.app == app.id, _SCORERS.c.scorer == scorer)
    found = _load(connection, app, account_id, _TABLE.c.closed_at.is_(None) & _TABLE.c.id.in_(of_scorer))
    return [calibration for calibration in found if scorer in calibration.waiting]


def lock_open(connection: Connection, app: App, calibration_id: int) -> bool:
    """Lock a calibration until the end of the transaction, so that the last of its scorers sees the others' submissions.

    Return False if it is closed.
    """
    is_open = (_TABLE.c.app == app.id) & (_TABLE.c.id == calibration_id) & _TABLE.c.closed_at.is_(None)
    return connection.execute(sa.update(_TABLE).where(is_open).values(closed_at=None)).rowcount == 1


def close_if_complete(connection: Connection, app: App, account_id: str, calibration_id: int, now: datetime) -> bool:
    """Close a calibration if all scorers have submitted. Return whether that was the last one."""
    calibration = find(connection, app, account_id, calibration_id)
    return calibration is not None and not calibration.waiting and close(connection, app, calibration, now)


def close(connection: Connection, app: App, calibration: Calibration, now: datetime) -> bool:
    """Close a calibration, so that all see its scores. False if it was closed already."""
    is_open = (_TABLE.c.app == app.id) & (_TABLE.c.id == calibration.id) & _TABLE.c.closed_at.is_(None)
    return connection.execute(sa.update(_TABLE).where(is_open).values(closed_at=now)).rowcount == 1


def _load(connection: Connection, app: App, account_id: str, condition: sa.ColumnElement[bool]) -> list[Calibration]:
    forms = schema.evaluation_forms
    query = sa.select(_TABLE, forms.c.name.label("form_name")).join(forms, forms.c.id == _TABLE.c.form)
    own = query.where(_TABLE.c.app == app.id, _TABLE.c.account_id == account_id, condition)
    rows = connection.execute(own.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id.desc()).limit(MAX_LISTED)).all()
    ids = [row.id for row in rows]
    scorers = sa.select(_SCORERS).where(_SCORERS.c.app == app.id, _SCORERS.c.calibration.in_(ids))
    names = [(row.calibration, row.scorer) for row in connection.execute(scorers.order_by(_SCORERS.c.scorer))]
    submitted = _list_submitted(connection, app, account_id, rows)
    return [_build(row, names, submitted) for row in rows]


def _list_submitted(connection: Connection, app: App, account_id: str, rows: Sequence[sa.Row[Any]]) -> list[Evaluation]:
    columns = _EVALUATIONS.c
    own = (columns.app == app.id) & (columns.account_id == account_id)
    own &= columns.call_id.in_({row.call_id for row in rows}) & columns.calibration.in_([row.id for row in rows])
    query = select_evaluations().where(own, columns.state != EvaluationState.DRAFT)
    return [build_evaluation(row) for row in connection.execute(query.order_by(columns.scorer))]


def _build(row: sa.Row[Any], names: Sequence[tuple[int, str]], submitted: Sequence[Evaluation]) -> Calibration:
    return Calibration(
        id=row.id,
        call=build_call(row),
        form=row.form,
        version=row.version,
        form_name=row.form_name,
        author=row.author,
        created_at=row.created_at,
        closed_at=row.closed_at,
        scorers=tuple(name for calibration, name in names if calibration == row.id),
        submitted=tuple(evaluation for evaluation in submitted if evaluation.calibration == row.id),
    )

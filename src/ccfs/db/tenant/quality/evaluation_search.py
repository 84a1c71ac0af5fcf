"""Finds evaluations of an account by agent, form, scorer, state and time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.quality.evaluations import build_evaluation, select_evaluations
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation import Evaluation, EvaluationState

MAX_COUNTED: Final = 100_000  # evaluations of which a summary is computed
_TABLE, _CALIBRATIONS, _SCORERS = schema.evaluations, schema.calibrations, schema.calibration_scorers


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSearch:
    """Which evaluations to find; empty fields match all."""

    account_id: str
    viewer: str  # the user's name: drafts and open calibrations of others are left out
    begin: datetime  # when they were submitted, or begun
    end: datetime
    agent_id: str = ""
    form: int | None = None
    scorer: str = ""
    state: EvaluationState | None = None
    cursor: tuple[datetime, int] | None = None  # evaluated_at and id of the last one on the page before


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSummary:
    """Figures of submitted evaluations, without calibrations."""

    count: int
    average: int | None  # hundredths of a percent; None without a score
    failed: int  # by a critical question


def find_evaluations(connection: Connection, app: App, search: EvaluationSearch, limit: int) -> list[Evaluation]:
    """Return up to `limit` evaluations, the newest first."""
    query = select_evaluations().where(*_list_conditions(app, search))
    if search.cursor is not None:
        at, last_id = search.cursor
        is_behind = (_TABLE.c.evaluated_at < at) | ((_TABLE.c.evaluated_at == at) & (_TABLE.c.id < last_id))
        query = query.where(_TABLE.c.evaluated_at <= at, is_behind)
    rows = connection.execute(query.order_by(_TABLE.c.evaluated_at.desc(), _TABLE.c.id.desc()).limit(limit))
    return [build_evaluation(row) for row in rows]


def summarise(connection: Connection, app: App, search: EvaluationSearch) -> ScoreSummary:
    """Return the figures of the evaluations that match, on all pages, of the newest MAX_COUNTED."""
    is_counted = (_TABLE.c.calibration == 0) & (_TABLE.c.state != EvaluationState.DRAFT)
    columns = (_TABLE.c.score, sa.case((_TABLE.c.is_failed, 1), else_=0).label("failed"))
    found = sa.select(*columns).where(*_list_conditions(app, search), is_counted)
    newest = found.order_by(_TABLE.c.evaluated_at.desc()).limit(MAX_COUNTED).subquery()
    figures = (
        sa.func.count(),
        sa.func.sum(newest.c.score),
        sa.func.count(newest.c.score),
        sa.func.sum(newest.c.failed),
    )
    count, total, scored, failed = connection.execute(sa.select(*figures).select_from(newest)).one()
    average = (2 * int(total) + scored) // (2 * scored) if scored else None  # rounded half up
    return ScoreSummary(count=count, average=average, failed=int(failed or 0))


def list_of_agent(connection: Connection, app: App, account_id: str, agent_id: str, limit: int) -> list[Evaluation]:
    """Return the newest submitted evaluations of an agent, without calibrations."""
    own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.agent_id == agent_id)
    is_shown = (_TABLE.c.calibration == 0) & (_TABLE.c.state != EvaluationState.DRAFT)
    query = select_evaluations().where(own, is_shown)
    return [
        build_evaluation(row) for row in connection.execute(query.order_by(_TABLE.c.evaluated_at.desc()).limit(limit))
    ]


def list_hidden_ids(connection: Connection, app: App, evaluations: list[Evaluation], viewer: str) -> set[int]:
    """Return the ids of those evaluations that a user must not see: drafts of others, and what a calibration keeps blind."""
    ids = [evaluation.id for evaluation in evaluations]
    if not ids:
        return set()
    own = (_TABLE.c.app == app.id) & _TABLE.c.id.in_(ids)
    visible = connection.execute(sa.select(_TABLE.c.id).where(own, is_visible(app, viewer))).scalars()
    return set(ids) - set(visible)


def is_visible(app: App, viewer: str) -> sa.ColumnElement[bool]:
    """Return whether a user may see an evaluation.

    Users see their own ones, and submitted ones of others; but none of an open calibration, nor any of a call that they are to
    score in one.
    """
    is_open = (_CALIBRATIONS.c.app == app.id) & _CALIBRATIONS.c.closed_at.is_(None)
    in_open = sa.exists().where(is_open, _CALIBRATIONS.c.id == _TABLE.c.calibration)
    is_scorer = (_SCORERS.c.calibration == _CALIBRATIONS.c.id) & (_SCORERS.c.scorer == viewer)
    same_call = (_CALIBRATIONS.c.account_id == _TABLE.c.account_id) & (_CALIBRATIONS.c.call_id == _TABLE.c.call_id)
    must_score = sa.exists().where(is_open, same_call, is_scorer)
    of_others = (_TABLE.c.state != EvaluationState.DRAFT) & ~in_open & ~must_score
    return (_TABLE.c.scorer == viewer) | of_others


def _list_conditions(app: App, search: EvaluationSearch) -> list[Any]:
    columns, conditions = _TABLE.c, [_TABLE.c.app == app.id, _TABLE.c.account_id == search.account_id]
    conditions += [columns.evaluated_at >= search.begin, columns.evaluated_at < search.end]
    if search.agent_id:
        conditions.append(columns.agent_id == search.agent_id)
    if search.form is not None:
        conditions.append(columns.form == search.form)
    if search.scorer:
        conditions.append(columns.scorer == search.scorer)
    if search.state is not None:
        conditions.append(columns.state == search.state)
    return [*conditions, is_visible(app, search.viewer)]

"""Rows of evaluations: drafts, submissions with their earlier revisions, and agents' responses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation import (
    MAX_REVISIONS,
    EvaluatedCall,
    Evaluation,
    EvaluationDraft,
    EvaluationState,
    Revision,
    decode_answers,
    encode_answers,
)
from ccfs.model.quality.evaluation_form import EvaluationForm
from ccfs.model.quality.scoring import Score

_TABLE, _REVISIONS, _FORMS = schema.evaluations, schema.evaluation_revisions, schema.evaluation_forms
_REVISION_NAMES = (
    *("revision", "state", "author", "answers", "comment", "score", "is_failed"),
    *("evaluated_at", "response", "responded_at"),
)
MAX_OF_CALL = 100  # evaluations that a call's page shows


def start(
    connection: Connection,
    app: App,
    call: EvaluatedCall,
    form: EvaluationForm,
    scorer: str,
    now: datetime,
    calibration: int = 0,
) -> tuple[int, bool]:
    """Begin a draft. Return its id and whether it is new: a scorer has one evaluation of an agent's call with each form."""
    key: dict[str, Any] = {
        "app": app.id,
        "account_id": call.account_id,
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "form": form.id,
        "scorer": scorer,
        "calibration": calibration,
    }
    new = insert_or_ignore(connection, _TABLE).values(
        **key,
        call_begin=call.call_begin,
        version=form.version,
        state=EvaluationState.DRAFT,
        revision=0,
        author=scorer,
        answers="{}",
        comment="",
        is_failed=False,
        created_at=now,
        evaluated_at=now,
        response="",
    )
    added = connection.execute(new.returning(_TABLE.c.id)).scalar()
    if added is not None:
        return added, True
    return connection.execute(sa.select(_TABLE.c.id).filter_by(**key)).scalar_one(), False


def find(connection: Connection, app: App, account_id: str, evaluation_id: int) -> Evaluation | None:
    """Return an evaluation of an account; None if there is none."""
    row = connection.execute(select_evaluations().where(_is_evaluation(app, account_id, evaluation_id))).first()
    return build_evaluation(row) if row else None


def list_by_call(connection: Connection, app: App, account_id: str, call_id: str) -> list[Evaluation]:
    """Return the evaluations of a call, the oldest first."""
    own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == call_id)
    rows = connection.execute(select_evaluations().where(own).order_by(_TABLE.c.id).limit(MAX_OF_CALL))
    return [build_evaluation(row) for row in rows]


def save_draft(connection: Connection, app: App, evaluation: Evaluation, draft: EvaluationDraft) -> bool:
    """Store what a scorer has entered so far. False if the evaluation is no draft any more."""
    values = {"answers": encode_answers(draft.answers), "comment": draft.comment}
    is_draft = _is_current(app, evaluation) & (_TABLE.c.state == EvaluationState.DRAFT)
    return connection.execute(sa.update(_TABLE).where(is_draft).values(**values)).rowcount == 1


def submit(
    connection: Connection,
    app: App,
    evaluation: Evaluation,
    draft: EvaluationDraft,
    score: Score,
    author: str,
    now: datetime,
) -> bool:
    """Store the next revision, and move the present one to the earlier ones.

    False if another revision has been submitted meanwhile, or there are MAX_REVISIONS.
    """
    current = evaluation.current
    if current.revision >= MAX_REVISIONS:
        return False
    if current.revision:
        _store_revision(connection, app, evaluation)
    values: dict[str, Any] = {"answers": encode_answers(draft.answers), "comment": draft.comment, "author": author}
    values |= {"state": EvaluationState.SUBMITTED, "revision": current.revision + 1, "response": ""}
    more = {"score": score.hundredths, "is_failed": score.is_failed, "evaluated_at": now, "responded_at": None}
    update = sa.update(_TABLE).where(_is_current(app, evaluation))
    return connection.execute(update.values(**values, **more)).rowcount == 1


def _store_revision(connection: Connection, app: App, evaluation: Evaluation) -> None:
    """Copy the present revision, with the agent's response, even if it arrived a moment ago.

    The row is locked, so that no response arrives between the copy and the next revision, which would lose it.
    """
    columns = [_TABLE.c[name] for name in _REVISION_NAMES]
    present = sa.select(_TABLE.c.app, _TABLE.c.id, *columns).where(_is_current(app, evaluation)).with_for_update()
    names = ["app", "evaluation", *_REVISION_NAMES]
    connection.execute(insert_or_ignore(connection, _REVISIONS).from_select(names, present))


def list_revisions(connection: Connection, app: App, evaluation: Evaluation) -> list[Revision]:
    """Return the earlier revisions of an evaluation, the newest first."""
    own = (_REVISIONS.c.app == app.id) & (_REVISIONS.c.evaluation == evaluation.id)
    rows = connection.execute(sa.select(_REVISIONS).where(own).order_by(_REVISIONS.c.revision.desc()))
    return [_build_revision(row) for row in rows]


def delete_draft(connection: Connection, app: App, evaluation: Evaluation) -> bool:
    """Delete a draft. False if it is none any more."""
    is_draft = _is_current(app, evaluation) & (_TABLE.c.state == EvaluationState.DRAFT)
    return connection.execute(sa.delete(_TABLE).where(is_draft)).rowcount == 1


def respond(
    connection: Connection, app: App, evaluation: Evaluation, state: EvaluationState, text: str, now: datetime
) -> bool:
    """Store the agent's response to the present revision. False if there is one, or a newer revision."""
    is_open = _is_current(app, evaluation) & (_TABLE.c.state == EvaluationState.SUBMITTED)
    values = {"state": state, "response": text, "responded_at": now}
    return connection.execute(sa.update(_TABLE).where(is_open).values(**values)).rowcount == 1


def reassign_calls(connection: Connection, app: App, account_id: str, calls: Mapping[str, str]) -> None:
    """Move evaluations, drawn calls and calibrations of calls to those that turned out to include them, by old id.

    What the other call has already stays where it is.
    """
    own_forms = sa.select(_FORMS.c.id).where(_FORMS.c.app == app.id, _FORMS.c.account_id == account_id)
    if not calls or connection.execute(own_forms.limit(1)).first() is None:
        return
    for old, new in calls.items():
        for table in (_TABLE, schema.sampled_calls, schema.calibrations):
            _reassign(connection, app, account_id, table, old, new)


def _reassign(connection: Connection, app: App, account_id: str, table: sa.Table, old: str, new: str) -> None:
    other, unique = table.alias(), {_TABLE.name: ("agent_id", "form", "scorer", "calibration")}
    same = [other.c[name] == table.c[name] for name in unique.get(table.name, ())]
    is_of_new = (other.c.app == app.id) & (other.c.account_id == account_id) & (other.c.call_id == new)
    is_of_old = (table.c.app == app.id) & (table.c.account_id == account_id) & (table.c.call_id == old)
    if table.name != schema.calibrations.name:
        is_of_old &= ~sa.exists().where(is_of_new, *same)
    connection.execute(sa.update(table).where(is_of_old).values(call_id=new))


def select_evaluations() -> sa.Select[Any]:
    """Return the query for the rows from which `build_evaluation` builds evaluations."""
    return sa.select(_TABLE, _FORMS.c.name.label("form_name")).join(_FORMS, _FORMS.c.id == _TABLE.c.form)


def build_call(row: sa.Row[Any]) -> EvaluatedCall:
    """Return the call, with its agent, of a row of any table of quality management."""
    return EvaluatedCall(
        account_id=row.account_id, call_id=row.call_id, call_begin=row.call_begin, agent_id=row.agent_id
    )


def build_evaluation(row: sa.Row[Any]) -> Evaluation:
    """Return the evaluation in a row."""
    return Evaluation(
        id=row.id,
        call=build_call(row),
        form=row.form,
        version=row.version,
        form_name=row.form_name,
        scorer=row.scorer,
        calibration=row.calibration,
        current=_build_revision(row),
    )


def _build_revision(row: sa.Row[Any]) -> Revision:
    return Revision(
        revision=row.revision,
        state=EvaluationState(row.state),
        author=row.author,
        draft=EvaluationDraft(answers=decode_answers(row.answers), comment=row.comment),
        score=row.score,
        is_failed=row.is_failed,
        evaluated_at=row.evaluated_at,
        response=row.response,
        responded_at=row.responded_at,
    )


def _is_evaluation(app: App, account_id: str, evaluation_id: int) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.id == evaluation_id)


def _is_current(app: App, evaluation: Evaluation) -> sa.ColumnElement[bool]:
    """Return whether a row is an evaluation in the revision that was read."""
    own = _is_evaluation(app, evaluation.call.account_id, evaluation.id)
    return own & (_TABLE.c.revision == evaluation.current.revision)

"""Looks up calls by an id, restricted to the accounts that a user may see. For the search, see call_search.py."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import cdrs
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

MAX_AGENT_OPERATIONS = 500  # of one call
_CDRS = schema.cdrs
_RECORDINGS = schema.recordings
_OPERATIONS = schema.agent_operations
_OPERATION_FIELDS = AgentOperation.__dataclass_fields__


def find_by_any_id(connection: Connection, app: App, accounts: Sequence[str], text: str) -> list[tuple[str, str]]:
    """Return (account id, callId) of the calls in these accounts with this id.

    It can be the callId, or the id that the switch gave the call or one of its legs.
    """
    call_ids = {text, to_call_id(text)}
    legs = sa.select(_CDRS.c.account_id, _CDRS.c.call_id).where(_CDRS.c.app == app.id, _CDRS.c.account_id.in_(accounts))
    recorded = sa.select(_RECORDINGS.c.account_id, _RECORDINGS.c.call_id).where(
        _RECORDINGS.c.app == app.id, _RECORDINGS.c.account_id.in_(accounts)
    )
    query = sa.union(
        legs.where(_CDRS.c.call_id.in_(call_ids)),
        legs.where(_CDRS.c.switch_leg_id == text, _CDRS.c.switch_leg_id != _CDRS.c.switch_call_id),
        recorded.where(_RECORDINGS.c.call_id.in_(call_ids)),
    )
    return sorted((str(row[0]), str(row[1])) for row in connection.execute(query))


def find_legs(
    connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]
) -> dict[str, list[Cdr]]:
    """Return the legs of these calls in these accounts, by callId."""
    calls = cdrs.find_by_call_ids(connection, app, call_ids)
    visible = {call_id: [leg for leg in legs if leg.account_id in accounts] for call_id, legs in calls.items()}
    return {call_id: legs for call_id, legs in visible.items() if legs}


def list_recordings(connection: Connection, app: App, accounts: Sequence[str], call_id: str) -> list[Recording]:
    """Return the recordings of a call in these accounts, ordered by time."""
    rows = recordings.list_by_call(connection, app, call_id)
    return [recording for recording in rows if recording.account_id in accounts]


def count_recordings(
    connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]
) -> dict[str, int]:
    """Return the number of recordings of each call in these accounts, omitting calls that have none."""
    columns = _RECORDINGS.c
    condition = (columns.app == app.id) & columns.call_id.in_(call_ids) & columns.account_id.in_(accounts)
    rows = connection.execute(sa.select(columns.call_id, sa.func.count()).where(condition).group_by(columns.call_id))
    return {str(row[0]): int(row[1]) for row in rows}


def find_recording_names(
    connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]
) -> dict[str, list[str]]:
    """Return the index names of each call's recordings in these accounts, oldest first, omitting calls that have none."""
    columns = _RECORDINGS.c
    condition = (columns.app == app.id) & columns.call_id.in_(call_ids) & columns.account_id.in_(accounts)
    query = sa.select(columns.call_id, columns.call_begin, columns.file_name).where(condition)
    names: dict[str, list[str]] = {}
    for row in sorted(connection.execute(query), key=lambda row: (row.call_begin, row.file_name)):
        names.setdefault(row.call_id, []).append(row.file_name)
    return names


def list_agent_operations(
    connection: Connection, app: App, accounts: Sequence[str], call_id: str
) -> list[AgentOperation]:
    """Return up to MAX_AGENT_OPERATIONS agent operations of a call, ordered by time."""
    columns = _OPERATIONS.c
    is_of_call = (columns.call_id == call_id) & (columns.call_id != sa.literal_column("''"))
    query = sa.select(*(columns[name] for name in _OPERATION_FIELDS)).where(
        columns.app == app.id, is_of_call, columns.account_id.in_(accounts)
    )
    rows = connection.execute(query.order_by(NoIndex(columns.begin), columns.id).limit(MAX_AGENT_OPERATIONS))
    return [AgentOperation(**row._mapping) for row in rows]

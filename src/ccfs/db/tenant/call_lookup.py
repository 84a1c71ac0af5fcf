"""Questions about calls that are known by an id. The app comes first, then the accounts that may be seen. Looking for calls
is in call_search.py."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant import cdrs, recordings
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

_CDRS = schema.cdrs
_OPERATIONS = schema.agent_operations
_FIELDS = AgentOperation.__dataclass_fields__


def find_by_any_id(connection: Connection, app: App, accounts: Sequence[str], text: str) -> list[tuple[str, str]]:
    """(account id, callId) of calls in these accounts that go by this id: our callId, the switch's of the call or a leg."""
    names = {text, to_call_id(text)}
    own = [_CDRS.c.app == app.id, _CDRS.c.account_id.in_(accounts)]
    other = (_CDRS.c.switch_leg_id == text) & (_CDRS.c.switch_leg_id != _CDRS.c.switch_call_id)
    taped = schema.recordings
    kept = [taped.c.app == app.id, taped.c.account_id.in_(accounts)]
    asked = sa.union(
        sa.select(_CDRS.c.account_id, _CDRS.c.call_id).where(*own, _CDRS.c.call_id.in_(names)),
        sa.select(_CDRS.c.account_id, _CDRS.c.call_id).where(*own, other),
        sa.select(taped.c.account_id, taped.c.call_id).where(*kept, taped.c.call_id.in_(names)),
    )
    return sorted((str(row[0]), str(row[1])) for row in connection.execute(asked))


def find_legs(
    connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]
) -> dict[str, list[Cdr]]:
    """The legs of these calls as far as they lie in these accounts, by callId."""
    found = cdrs.find_by_call_ids(connection, app, call_ids)
    mine = {one: [row for row in rows if row.account_id in accounts] for one, rows in found.items()}
    return {one: rows for one, rows in mine.items() if rows}


def list_recordings(connection: Connection, app: App, accounts: Sequence[str], call: str) -> list[Recording]:
    """The recordings of a call as far as they lie in these accounts, in order of time."""
    return [one for one in recordings.list_by_call(connection, app, call) if one.account_id in accounts]


def count_recordings(
    connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]
) -> dict[str, int]:
    """How many recordings each of these calls has in these accounts; none: it is left out."""
    table = schema.recordings
    mine = (table.c.app == app.id) & table.c.call_id.in_(call_ids) & table.c.account_id.in_(accounts)
    rows = connection.execute(sa.select(table.c.call_id, sa.func.count()).where(mine).group_by(table.c.call_id))
    return {str(row[0]): int(row[1]) for row in rows}


def list_agent_operations(connection: Connection, app: App, accounts: Sequence[str], call: str) -> list[AgentOperation]:
    """What agents did in a call, in order of time, at most 500."""
    mine = (
        (_OPERATIONS.c.app == app.id)
        & (_OPERATIONS.c.call_id == call)
        & (_OPERATIONS.c.call_id != sa.literal_column("''"))
    )
    asked = sa.select(*(_OPERATIONS.c[name] for name in _FIELDS)).where(mine, _OPERATIONS.c.account_id.in_(accounts))
    rows = connection.execute(asked.order_by(NoIndex(_OPERATIONS.c.begin), _OPERATIONS.c.id).limit(500))
    return [AgentOperation(**row._mapping) for row in rows]

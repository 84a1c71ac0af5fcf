"""An app's callback receivers: the state of their deliveries, and retrying all dead deliveries of a receiver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import DELIVERIES
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.tenancy import App

_TABLE = schema.deliveries
_EXPORTS = schema.exports
_IS_DEAD = _TABLE.c.state == sa.literal_column("'dead'")  # a literal, as in the partial index


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSummary:
    """A receiver and its number of deliveries in each state."""

    name: str  # scheme, host and port
    delivered: int
    waiting: int
    given_up: int
    retryable: int  # of those given up: their files have not expired
    last: datetime | None  # when a delivery last ended


def list_receivers(connection: Connection, app: App, accounts: Sequence[str]) -> list[ReceiverSummary]:
    """Return the receivers of the app's exports for these accounts, by name."""

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.case((condition, 1)))

    is_dead = _TABLE.c.state == DeliveryState.DEAD
    columns = (
        count(_TABLE.c.state == DeliveryState.DELIVERED).label("delivered"),
        count(_TABLE.c.state == DeliveryState.DUE).label("waiting"),
        count(is_dead).label("given_up"),
        count(is_dead & (_EXPORTS.c.state != ExportState.EXPIRED)).label("retryable"),
        sa.func.max(_TABLE.c.finished_at).label("last"),
    )
    statement = sa.select(_TABLE.c.receiver.label("name"), *columns)
    statement = statement.join(_EXPORTS, _EXPORTS.c.response_id == _TABLE.c.export)
    statement = statement.where(_TABLE.c.app == app.id, _EXPORTS.c.account_id.in_(accounts))
    rows = connection.execute(statement.group_by(_TABLE.c.receiver).order_by(_TABLE.c.receiver))
    return [ReceiverSummary(**row._mapping) for row in rows]


def count_retryable(connection: Connection, app: App, accounts: Sequence[str], receiver: str, prefix: str = "") -> int:
    """Return the number of the receiver's dead deliveries that can be retried and whose URL begins with the prefix."""
    statement = sa.select(sa.func.count()).select_from(_TABLE)
    return int(connection.execute(statement.where(_is_retryable(app, accounts, receiver, prefix))).scalar_one())


def retry_by_receiver(
    connection: Connection, app: App, accounts: Sequence[str], receiver: str, prefix: str, now: datetime
) -> int:
    """Make these deliveries due now, with their attempts reset, and return their number."""
    return DELIVERIES.retry(connection, now, _is_retryable(app, accounts, receiver, prefix))


def _is_retryable(app: App, accounts: Sequence[str], receiver: str, prefix: str) -> sa.ColumnElement[bool]:
    """Compare the prefix by substr, because LIKE ignores case on SQLite."""
    has_file = _EXPORTS.c.account_id.in_(accounts) & (_EXPORTS.c.state != ExportState.EXPIRED)
    is_downloadable = sa.exists().where(_EXPORTS.c.response_id == _TABLE.c.export, has_file)
    has_prefix = sa.func.substr(_TABLE.c.url, 1, len(prefix)) == prefix
    return (_TABLE.c.app == app.id) & (_TABLE.c.receiver == receiver) & _IS_DEAD & is_downloadable & has_prefix

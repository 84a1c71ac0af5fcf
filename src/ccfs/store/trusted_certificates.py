"""Rows of trusted certificates of callback receivers. The operator's, not an app's: they are trusted for every callback.

Every change bumps a number in `changes`, by which a process that sends callbacks knows that what it read is old.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.model.errors import Misuse
from ccfs.store import schema
from ccfs.store.db import Database
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.trusted_certificates
_CHANGES = schema.changes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCertificate:
    """One certificate under the operator's name for it."""

    name: str
    der: bytes
    sha256: str  # fingerprint, lower-case hex
    subject: str
    not_after: datetime


class Trusted:
    """What is trusted at the moment, for work/egress: one look-up by key for all who ask within a moment, and more only
    after a change. For any thread."""

    PATIENCE = 0.05  # seconds that it may be old

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._latest: tuple[int, Sequence[bytes]] = (-1, ())
        self._asked_at = -math.inf

    def __call__(self) -> tuple[int, Sequence[bytes]]:
        """A number that grows with every change, and the certificates in DER: as last known, while the database is away."""
        with self._lock:
            if time.monotonic() - self._asked_at >= self.PATIENCE:
                try:
                    self._latest = self._current()
                except SQLAlchemyError:
                    if self._latest[0] < 0:
                        raise
                self._asked_at = time.monotonic()
            return self._latest

    def _current(self) -> tuple[int, Sequence[bytes]]:
        with self._database.reading() as connection:
            number = _number(connection)
            if number == self._latest[0]:
                return self._latest
            return number, [one.der for one in certificates(connection)]


def add_certificate(connection: Connection, certificate: TrustedCertificate, now: datetime) -> None:
    """Trust a certificate; raises Misuse if the name is taken."""
    values = {name: getattr(certificate, name) for name in ("name", "der", "sha256", "subject", "not_after")}
    statement = insert_or_ignore(connection, _TABLE).values(**values, created_at=now)
    if not connection.execute(statement.returning(_TABLE.c.name)).first():
        raise Misuse(f"the name {certificate.name} is taken")
    _changed(connection)


def certificates(connection: Connection) -> list[TrustedCertificate]:
    """Every trusted certificate, by name."""
    return [
        TrustedCertificate(name=row.name, der=row.der, sha256=row.sha256, subject=row.subject, not_after=row.not_after)
        for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name))
    ]


def remove_certificate(connection: Connection, name: str) -> None:
    """Trust a certificate no longer; raises Misuse if there is none of that name."""
    if connection.execute(sa.delete(_TABLE).where(_TABLE.c.name == name)).rowcount != 1:
        raise Misuse(f"there is no certificate {name}")
    _changed(connection)


def _changed(connection: Connection) -> None:
    connection.execute(insert_or_ignore(connection, _CHANGES).values(name="trust", number=0))
    connection.execute(sa.update(_CHANGES).where(_CHANGES.c.name == "trust").values(number=_CHANGES.c.number + 1))


def _number(connection: Connection) -> int:
    statement = sa.select(_CHANGES.c.number).where(_CHANGES.c.name == "trust")
    return int(connection.execute(statement).scalar() or 0)

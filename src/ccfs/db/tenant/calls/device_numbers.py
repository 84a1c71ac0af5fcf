"""Rows of device numbers: the interface identifies queues, agents and flows by numbers, and switches by names.

The numbers have up to 5 digits. A name that is already such a number is used as it is. Other names are numbered from
60001 up, above the interface's agent numbers.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App

FIRST_ASSIGNED_NUMBER, LARGEST_NUMBER = 60001, 99999
_TABLE = schema.device_numbers
_ACCOUNTS_PER_QUERY = 1000  # every database limits the parameters of a query

DeviceKey = tuple[int, str]  # device type, name


def assign_numbers(
    connection: Connection, app: App, account_id: str, devices: Iterable[DeviceKey]
) -> dict[DeviceKey, int]:
    """Return the number of each of the account's devices; new devices get a permanent number."""
    numbers: dict[DeviceKey, int] = {}
    for kind, name in sorted(set(devices)):
        if name.isascii() and name.isdecimal() and int(name) <= LARGEST_NUMBER and str(int(name)) == name:
            numbers[kind, name] = int(name)
        elif name:
            numbers[kind, name] = _assign_number(connection, app, account_id, kind, name)
    return numbers


def _assign_number(connection: Connection, app: App, account_id: str, kind: int, name: str) -> int:
    is_kind = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.kind == kind)
    known = connection.execute(sa.select(_TABLE.c.number).where(is_kind, _TABLE.c.name == name)).scalar()
    if known is not None:
        return int(known)
    largest = connection.execute(sa.select(sa.func.max(_TABLE.c.number)).where(is_kind)).scalar()
    number = min(LARGEST_NUMBER, FIRST_ASSIGNED_NUMBER if largest is None else largest + 1)
    values = {"app": app.id, "account_id": account_id, "kind": kind, "name": name, "number": number}
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values))
    return number


def list_names(connection: Connection, app: App, account_ids: Sequence[str], kind: int) -> frozenset[str]:
    """Return the names of a device type to which numbers were assigned in these accounts."""
    names: set[str] = set()
    for start in range(0, len(account_ids), _ACCOUNTS_PER_QUERY):
        is_kind = _TABLE.c.account_id.in_(account_ids[start:][:_ACCOUNTS_PER_QUERY]) & (_TABLE.c.kind == kind)
        names.update(connection.execute(sa.select(_TABLE.c.name).where(_TABLE.c.app == app.id, is_kind)).scalars())
    return frozenset(names)

"""The URL of a table in a switch's database: mysql://user@host/database?table=cdr."""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ccfs.model.source_files import is_table_url

URL_FORM: Final = "mysql://user@host/database?table=name, or postgresql://…"
_DRIVERS: Final = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
_SCHEMES: Final = {"mysql": "mysql", "mariadb": "mysql", "postgresql": "postgresql", "postgres": "postgresql"}
_OPTIONS: Final = {  # parameters of the URL that the driver gets
    "mysql": frozenset({"unix_socket", "ssl_ca", "ssl_cert", "ssl_key"}),
    "postgresql": frozenset({"host", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"}),
}
_TABLE_NAME: Final = re.compile(r"(?:[^\x00-\x1f.`\"]{1,64}\.)?[^\x00-\x1f.`\"]{1,64}")


class InvalidTableUrl(ValueError):
    """A URL cannot be used. The text is the reason; it never contains the URL, which may have a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAddress:
    """A table, or a database without the name of a table."""

    url: URL = field(repr=False)  # of the driver, with the password
    table: str = ""  # may have the schema before it; "": the usual name of its kind

    @property
    def dialect(self) -> str:
        """`mysql` (also for MariaDB) or `postgresql`."""
        return self.url.get_backend_name()

    @property
    def has_password(self) -> bool:
        """Whether the URL has a password, which every user of the machine can see in the list of processes."""
        return self.url.password is not None

    @property
    def database_name(self) -> str:
        """The database as displayed and stored in rows: without user and password."""
        query_host = self.url.query.get("host")
        host = self.url.host or (query_host if isinstance(query_host, str) and query_host[:1] != "/" else "localhost")
        place = f"[{host}]" if ":" in host else host
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.dialect}://{place}{port}/{self.url.database}"

    def with_table(self, table: str) -> "TableAddress":
        """Return the address of a table of the same database."""
        return replace(self, table=table)

    def with_password(self, password: str) -> "TableAddress":
        """Return the address with a password, unless the URL has one."""
        return self if self.has_password or not password else replace(self, url=self.url.set(password=password))


def parse_table_url(text: str) -> TableAddress:
    """Return the address that an operator gave. Raise InvalidTableUrl."""
    if not is_table_url(text):
        raise InvalidTableUrl(f"is not a URL of a table: {URL_FORM}")
    try:
        url = make_url(text)
        dialect = _SCHEMES[url.drivername.lower()]
    except (ArgumentError, ValueError, KeyError):
        raise InvalidTableUrl(
            f"is not a URL of a table: {URL_FORM}; write special characters of a password as %XX"
        ) from None
    table = url.query.get("table", "")
    options = {name: value for name, value in url.query.items() if name != "table"}
    unknown = sorted(options.keys() - _OPTIONS[dialect])
    if unknown or not all(isinstance(value, str) for value in (table, *options.values())):
        allowed = ", ".join(["table", *sorted(_OPTIONS[dialect])])
        raise InvalidTableUrl(f"has parameters other than {allowed}, or one twice")
    if not url.database or "/" in url.database:
        raise InvalidTableUrl(f"names no database: {URL_FORM}")
    if isinstance(table, str) and table and not _TABLE_NAME.fullmatch(table):
        raise InvalidTableUrl("names a table that no database can have")
    return TableAddress(url=url.set(drivername=_DRIVERS[dialect], query=options), table=str(table))

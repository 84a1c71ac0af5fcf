"""Tables of a switch's database that a check reads instead of files: their switch, and their recent rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlalchemy.engine import Inspector

from ccfs.db.switch_tables.address import TableAddress
from ccfs.db.switch_tables.connection import SwitchDatabase
from ccfs.db.switch_tables.structure import TableStructure, UnusableTable, read_structure
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.tables.channels import parse_channel_line, plan_channel_table
from ccfs.ingest.tables.formats import plan_queue_table
from ccfs.ingest.tables.recording_log import plan_call_table
from ccfs.ingest.tables.source import FormatPlan, TableSource
from ccfs.switches.records import UnreadableLine

T = TypeVar("T")

DEFAULT_ROWS: Final = 100_000  # the newest rows of a table that a check reads
DEFAULT_TABLES: Final = {SwitchKind.ASTERISK: "cdr", SwitchKind.FREESWITCH: "v_xml_cdr"}
_USUAL_TABLES: Final = (*DEFAULT_TABLES.values(), "recording_log")
_PLANS: Final = {SwitchKind.ASTERISK: plan_call_table, SwitchKind.FREESWITCH: plan_channel_table}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTable:
    """A table to check."""

    url: str  # for the commands, without a password
    table: str
    kind: SwitchKind  # the switch that writes it
    source: TableSource = field(repr=False)

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table


def open_cdr_table(address: TableAddress, url: str, timeout_seconds: float, encoding: str) -> CheckedTable:
    """Return the table of CDRs that an address names, or the usual one of its database.

    `url` is the address for the commands. Raise SwitchDatabaseError, or UnreadableLine if there is no such table.
    """
    kind, table = _inspect(address, timeout_seconds, lambda inspector: _find_cdr_table(inspector, address.table))
    if not address.table and table != DEFAULT_TABLES[kind]:
        url = f"{url}{'&' if '?' in url else '?'}table={table}"
    return _open(address, url, table, kind, _PLANS[kind], timeout_seconds, encoding)


def open_queue_table(address: TableAddress, url: str, timeout_seconds: float, encoding: str) -> CheckedTable:
    """Return the realtime queue log at an address. Raise SwitchDatabaseError, or UnreadableLine if it is not a queue log."""
    table = address.table or "queue_log"
    _inspect(address, timeout_seconds, lambda inspector: plan_queue_table(read_structure(inspector, table)))
    return _open(address, url, table, SwitchKind.ASTERISK, plan_queue_table, timeout_seconds, encoding)


def list_table_domains(table: CheckedTable) -> set[str]:
    """Return the domains of FreeSWITCH in a sample of a table's rows."""
    domains = set()
    for line in table.source.sample_lines():
        try:
            domains.add(parse_channel_line(line).get("domain_name", "").lower())
        except UnreadableLine:
            continue
    return domains - {""}


def _open(
    address: TableAddress, url: str, table: str, kind: SwitchKind, plan: FormatPlan, timeout: float, encoding: str
) -> CheckedTable:
    source = TableSource(address.with_table(table), plan, timeout_seconds=timeout, encoding=encoding)
    return CheckedTable(url=url, table=table, kind=kind, source=source)


def _inspect(address: TableAddress, timeout_seconds: float, ask: Callable[[Inspector], T]) -> T:
    database = SwitchDatabase(address, timeout_seconds)
    try:
        return database.inspect(ask)
    except UnusableTable as error:
        raise UnreadableLine(f"{address.database_name}: {error}") from None
    finally:
        database.close()


def _find_cdr_table(inspector: Inspector, named: str) -> tuple[SwitchKind, str]:
    """Return the named table, or the first of the usual ones that exists and has CDRs, with its switch."""
    errors: list[UnusableTable] = []
    for table in (named,) if named else _USUAL_TABLES:
        try:
            return _find_kind(read_structure(inspector, table)), table
        except UnusableTable as error:
            errors.append(error)
    raise errors[0]


def _find_kind(structure: TableStructure) -> SwitchKind:
    try:
        plan_call_table(structure)
    except UnusableTable as error:
        try:
            plan_channel_table(structure)
        except UnusableTable:
            raise error from None
        return SwitchKind.FREESWITCH
    return SwitchKind.ASTERISK

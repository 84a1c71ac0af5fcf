"""Sources of `ccfs ingest` that are files or tables of a switch's database, with the password of the database."""

import sys
from pathlib import Path

from ccfs.db.switch_tables.address import InvalidTableUrl, TableAddress, parse_table_url
from ccfs.ingest.sources import LineSource
from ccfs.ingest.tables.source import FormatPlan, TableSource
from ccfs.model.errors import OperatorError
from ccfs.model.source_files import is_table_url
from ccfs.settings import Settings

VISIBLE_PASSWORD = (
    "every user of this machine can see the password in the URL (ps); set CCFS_SWITCH_DATABASE_PASSWORD_FILE instead"
)


def parse_source(option: str, text: str) -> Path | TableAddress:
    """Return the file or the table that an option names. Raise OperatorError without the text, which may have a password."""
    if not is_table_url(text):
        return Path(text)
    try:
        return parse_table_url(text)
    except InvalidTableUrl as error:
        raise OperatorError(f"{option}: {error}") from None


def open_source(
    source: Path | TableAddress, settings: Settings, plan: FormatPlan, usual_table: str, encoding: str = ""
) -> LineSource:
    """Return a source to read; nothing is connected yet. `usual_table` is the name where the URL has none."""
    if isinstance(source, Path):
        return source
    address = add_password(source, settings).with_table(source.table or usual_table)
    timeout = settings.switch_database_timeout_seconds
    return TableSource(address, plan, timeout_seconds=timeout, encoding=encoding)


def add_password(address: TableAddress, settings: Settings) -> TableAddress:
    """Return the address with the password of the settings. Warn of one in the URL."""
    if address.has_password:
        print(f"ccfs: {VISIBLE_PASSWORD}", file=sys.stderr)
    return address.with_password(_read_password(settings))


def _read_password(settings: Settings) -> str:
    file = settings.switch_database_password_file
    if settings.switch_database_password or not file:
        return settings.switch_database_password
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or "not text in UTF-8"
        raise OperatorError(f"CCFS_SWITCH_DATABASE_PASSWORD_FILE: {file} cannot be read: {reason}") from None
    return lines[0] if lines else ""

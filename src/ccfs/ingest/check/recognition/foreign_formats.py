"""Files with calls in a format that ingest does not read, each with a remedy."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignFormat:
    """A format that ingest does not read. Without a remedy, it contains no calls."""

    form: str
    reason: str = ""
    remedy: str = ""


_MYSQL_EXPORT = (
    "Have ccfs read the database itself: --cdr mysql://USER@HOST/asteriskcdrdb. Or export the table as text: "
    "mysql -B asteriskcdrdb -e 'SELECT * FROM cdr' > cdr.txt"
)
_VICIDIAL = "Have ccfs read VICIdial's database itself: --cdr 'mysql://USER@HOST/asterisk?table=recording_log'"
_SQLITE_EXPORT = "Export the table as CSV: sqlite3 -csv -header {name} 'SELECT * FROM cdr' > cdr.csv"
_SQL_DUMP = re.compile(
    rb"(?i)\A(?:[^\n]*\n){0,200}?(?:-- (?:MySQL|MariaDB|PostgreSQL) |CREATE TABLE|INSERT INTO [`\"]?cdr)"
)
_COMPRESSIONS = frozenset({"lz4", "lzo", "lzma", "7z", "z", "rar", "tar", "tgz"})  # that ingest does not read
_COMPRESSED_NAMES = ("csv", "cdr", "queue_log")
_FUSION_TABLE = b"xml_cdr_uuid"
_ASTERISK_JSON = re.compile(rb'"disposition"\s*:')
_RECORDING_TABLE = re.compile(rb"(?i)\brecording_id\b.*\bvicidial_id\b|\bvicidial_id\b.*\brecording_id\b")


def find_foreign_format(name: str, head: bytes) -> ForeignFormat | None:
    """Return the format of a file that ingest does not read, by its name and first bytes; None for any other file."""
    first_line = head[:8192].split(b"\n", 1)[0]
    stem, _, extension = name.lower().rpartition(".")
    if extension in _COMPRESSIONS and any(word in stem for word in _COMPRESSED_NAMES):
        reason = f"compressed as .{extension}"
        return ForeignFormat("", reason, "Decompress it, or have logrotate use gzip, xz, bzip2 or zstd")
    if head.startswith(b"SQLite format 3\0"):
        return ForeignFormat("SQLite database", "a SQLite database", _SQLITE_EXPORT.format(name=name))
    if head.startswith(b"PK\3\4") and b"xl/" in head:
        return ForeignFormat("spreadsheet", "a spreadsheet", "Save it as CSV")
    if head[:1] in b"{[" and _ASTERISK_JSON.search(head) and b'"lastapp"' in head:
        return ForeignFormat(
            "CDR as JSON", "CDRs of Asterisk as JSON", "Have Asterisk write CSV: cdr_csv or cdr_custom"
        )
    if _FUSION_TABLE in first_line:
        remedy = "Have ccfs read the database itself: --cdr postgresql://USER@HOST/fusionpbx"
        return ForeignFormat("table v_xml_cdr", "an export of FusionPBX's table v_xml_cdr", remedy)
    if _RECORDING_TABLE.search(first_line):
        return ForeignFormat("table recording_log", "an export of VICIdial's table recording_log", _VICIDIAL)
    if _SQL_DUMP.match(head[:8192]) and not head.lstrip().upper().startswith(b"INSERT INTO CDR VALUES"):
        return ForeignFormat("SQL dump", "a dump of a database", _MYSQL_EXPORT)
    return None

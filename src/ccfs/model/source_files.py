"""Names of what ingest reads: rotated and compressed files, members of a zip, tables of a database."""

import re
from typing import Final

# States of a file in the database.
INGESTED: Final = "ingested"
REJECTED: Final = "rejected"  # its reason is stored beside it
UNMATCHED: Final = "unmatched"  # a recording that no CDR matches yet; every pass tries it again
REPORTED: Final = "reported"  # the same, and reported to the operator as rejected
REREAD: Final = "again"  # the next pass reads the file from its beginning

_ROTATION_SUFFIX: Final = re.compile(r"[-._]?[0-9][-._:T0-9]*")  # what rotation adds to a name: a number or a date
_READABLE_COMPRESSION: Final = re.compile(r"\.(?:gz|bz2|xz|zst)\Z")
_UNREADABLE_COMPRESSION: Final = re.compile(r"\.(?:lz4|lzo|lzma|7z|Z)\Z")
_TABLE_URL: Final = re.compile(r"(?i)(?:mysql|mariadb|postgres|postgresql)://")
_ZIP_MEMBER: Final = re.compile(r"(?i)(.*?\.zip):.*\.csv\Z", re.DOTALL)


def is_rotated(name: str, base: str) -> bool:
    """Whether the name is a rotated form of `base`: Master.csv.1, Master.csv-20240115.gz, Master-20240115.csv of Master.csv."""
    stem, dot, extension = base.rpartition(".")
    plain = _READABLE_COMPRESSION.sub("", name)
    if plain.startswith(base) and _ROTATION_SUFFIX.fullmatch(plain[len(base) :]):
        return True
    if not stem or not plain.startswith(stem) or not plain.endswith(dot + extension):
        return False
    return _ROTATION_SUFFIX.fullmatch(plain[len(stem) : -len(dot + extension)]) is not None


def is_unreadable_rotation(name: str, base: str) -> bool:
    """Whether the name is a rotated form of `base` that was compressed in a format that ingest cannot read: Master.csv.2.Z."""
    return is_rotated(_UNREADABLE_COMPRESSION.sub("", name), base) and not is_rotated(name, base)


def container_of(name: str) -> str:
    """Return the file that a name belongs to: the zip of a member (exports.zip:call.csv), else the name itself."""
    member = _ZIP_MEMBER.fullmatch(name)
    return member[1] if member else name


def is_table_url(name: str) -> bool:
    """Whether the name is of a table in a database, not of a file."""
    return _TABLE_URL.match(name) is not None

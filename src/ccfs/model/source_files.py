"""The sources of ingest: names of rotated and compressed files, members of a zip, tables of a database; positions in a file."""

import re
from dataclasses import dataclass, field
from typing import Final

# States of a file in the database.
INGESTED: Final = "ingested"
REJECTED: Final = "rejected"  # its reason is stored beside it
UNMATCHED: Final = "unmatched"  # a recording that no CDR matches yet; every pass tries it again
REPORTED: Final = "reported"  # the same, and reported to the operator as rejected
COPY: Final = (
    "copy"  # the audio of a recording in another format, beside its file; its "reason" is the path of that file
)
REREAD: Final = "again"  # the next pass reads the file from its beginning

# States of a rotated file.
SKIPPED: Final = "skipped"  # it was rotated before ingest first read its source
OPEN: Final = "open"  # it is not read to its end, or may still grow
READ: Final = "read"
MISSING: Final = "missing"  # it was not read to its end, and is not found

_ROTATION_SUFFIX: Final = re.compile(r"[-._]?[0-9][-._:T0-9]*")  # what rotation adds to a name: a number or a date
# The same before an extension, where a file of another source may have any digits: 1001.csv is no rotated form of 100.csv.
_INNER_SUFFIX: Final = re.compile(r"\.[0-9]{1,5}|[-._]?[0-9](?=(?:[-._:T]?[0-9]){5})[-._:T0-9]*")
_ROTATED_NAME: Final = re.compile(r"(.*[^-._0-9])(?:[-._][0-9][-._:T0-9]*|[0-9]{6,})", re.DOTALL)
_NUMBER: Final = re.compile(r"(.*\.)([0-9]{1,5})((?:\.[A-Za-z][A-Za-z0-9]{0,5})?)", re.DOTALL)
COMPRESSION_SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zst")
_READABLE_COMPRESSION: Final = re.compile(r"\.(?:gz|bz2|xz|zst)\Z")
_UNREADABLE_COMPRESSION: Final = re.compile(r"\.(?:lz4|lzo|lzma|7z|Z)\Z")
_TABLE_URL: Final = re.compile(r"(?i)(?:mysql|mariadb|postgres|postgresql)://")
_ZIP_END: Final = re.compile(r"\.zip(?=:)", re.IGNORECASE)  # the first one in the name of a member ends the zip's name
_MEMBER_EXTENSION: Final = ".csv"


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file was read."""

    offset: int = 0  # bytes
    line: int = 0  # lines before the offset
    digest: str = ""  # of the first and the last bytes before the offset; "" at the start
    head: bytes = field(default=b"", compare=False, repr=False)  # the first bytes before the offset


def get_source_path(cursor_path: str) -> str:
    """Return the file or table of a cursor: its path without the account."""
    if is_table_url(table := cursor_path.partition(":")[2]):
        return table
    account, colon, path = cursor_path.partition(":/")
    return f"/{path}" if colon and "/" not in account else cursor_path


def is_rotated(name: str, base: str) -> bool:
    """Whether the name is a rotated form of `base`: Master.csv.1, Master.csv-20240115.gz, Master-20240115.csv of Master.csv."""
    stem, dot, extension = base.rpartition(".")
    plain = _READABLE_COMPRESSION.sub("", name)
    if plain.startswith(base) and _ROTATION_SUFFIX.fullmatch(plain[len(base) :]):
        return True
    if not stem or not plain.startswith(stem) or not plain.endswith(dot + extension):
        return False
    return _INNER_SUFFIX.fullmatch(plain[len(stem) : -len(dot + extension)]) is not None


def get_rotation_base(name: str) -> str:
    """Return the name of the file that a rotated file was, or the name itself: Master.csv of Master.csv.1 and Master-20240115.csv.gz."""
    plain = _READABLE_COMPRESSION.sub("", name)
    stem, dot, extension = plain.rpartition(".")
    candidates = [plain, *([stem] if dot and not extension.isdecimal() else [])]
    for candidate in candidates:
        match = _ROTATED_NAME.fullmatch(candidate)
        base = match[1] + plain[len(candidate) :] if match else ""
        if base and is_rotated(name, base):
            return base
    return name


def split_rotation_number(name: str) -> tuple[str, int] | None:
    """Return the name with # replacing logrotate's number, and the number, which grows with each rotation.

    Return None if the name has a date.
    """
    match = _NUMBER.fullmatch(_READABLE_COMPRESSION.sub("", name))
    return (f"{match[1]}#{match[3]}", int(match[2])) if match else None


def is_unreadable_rotation(name: str, base: str) -> bool:
    """Whether the name is a rotated form of `base` that was compressed in a format that ingest cannot read: Master.csv.2.Z."""
    return is_rotated(_UNREADABLE_COMPRESSION.sub("", name), base) and not is_rotated(name, base)


def container_of(name: str) -> str:
    """Return the file that a name belongs to: the zip of a member (exports.zip:call.csv), else the name itself."""
    if not name.lower().endswith(_MEMBER_EXTENSION):
        return name
    end = _ZIP_END.search(name, 0, len(name) - len(_MEMBER_EXTENSION))
    return name[: end.end()] if end else name


def is_table_url(name: str) -> bool:
    """Whether the name is that of a table in a database rather than a file."""
    return _TABLE_URL.match(name) is not None

"""Names of the files that ingest reads: rotated and compressed files, members of a zip."""

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
_ZIP_END: Final = re.compile(r"\.zip(?=:)", re.IGNORECASE)  # the first one in the name of a member ends the zip's name
_MEMBER_EXTENSION: Final = ".csv"


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
    if not name.lower().endswith(_MEMBER_EXTENSION):
        return name
    end = _ZIP_END.search(name, 0, len(name) - len(_MEMBER_EXTENSION))
    return name[: end.end()] if end else name

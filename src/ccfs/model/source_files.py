"""Names of the files that ingest reads: rotated and compressed files, and members of a zip."""

import re
from typing import Final

# States of a file in the database.
INGESTED: Final = "ingested"
REJECTED: Final = "rejected"  # its reason is stored beside it
UNMATCHED: Final = "unmatched"  # a recording that no CDR matches yet; every pass tries it again
REPORTED: Final = "reported"  # the same, and reported to the operator as rejected
REREAD: Final = "again"  # the next pass reads the file from its beginning

_ROTATION_SUFFIX: Final = re.compile(r"[-._]?[0-9][-._:T0-9]*")  # what rotation adds to a name: a number or a date
_COMPRESSION_SUFFIX: Final = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|Z)\Z")
_ZIP_MEMBER: Final = re.compile(r"(?i)(.*?\.zip):.*\.csv\Z", re.DOTALL)


def is_rotated(name: str, base: str) -> bool:
    """Return whether the name is a rotated form of `base`, such as Master.csv.1 or Master.csv-20240115 for Master.csv."""
    return name.startswith(base) and _ROTATION_SUFFIX.fullmatch(name[len(base) :]) is not None


def is_compressed_rotation(name: str, base: str) -> bool:
    """Return whether the name is a rotated form of `base` that has since been compressed, such as Master.csv.2.gz."""
    return is_rotated(_COMPRESSION_SUFFIX.sub("", name), base) and not is_rotated(name, base)


def container_of(name: str) -> str:
    """Return the file that a name refers to: the zip for a member (exports.zip:call.csv), otherwise the name itself."""
    member = _ZIP_MEMBER.fullmatch(name)
    return member[1] if member else name

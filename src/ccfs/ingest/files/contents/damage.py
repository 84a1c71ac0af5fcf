"""Recognise damaged files, whatever error reading them raises."""

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import zstandard

MAX_UNREADABLE = 10_000  # lines, of a file that is read to its end although more of them cannot be read than can


@dataclass(slots=True)
class LineCount:
    """The number of lines read from a file, and how many of them could not be parsed."""

    read: int = 0
    unreadable: int = 0

    def is_useless(self) -> bool:
        """Return whether so many lines are unreadable that the rest of a compressed file is not worth reading."""
        return self.unreadable > MAX_UNREADABLE and 2 * self.unreadable > self.read

    def describe(self) -> str:
        """Return why the rest was skipped."""
        return f"{self.unreadable} of {self.read} lines cannot be read; the rest is not read"


class DamagedFile(Exception):
    """A zip, a member of one, or a compressed file cannot be read any further. The text is the reason."""


class UnreadRest(DamagedFile):
    """The rest of a file is skipped, because it would take too much work."""


@contextmanager
def catch_damage() -> Iterator[None]:
    """Raise DamagedFile for every error of the decompression modules on damaged, encrypted or truncated bytes."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: an offset before the beginning of the file
            raise
        raise DamagedFile(str(error)) from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, zstandard.ZstdError) as error:
        raise DamagedFile(str(error)) from None
    except (EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise DamagedFile(str(error) or type(error).__name__) from None

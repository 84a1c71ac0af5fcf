"""Recognise files that are damaged, whatever error reading them raises."""

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import zstandard


class DamagedFile(Exception):
    """A zip, a member of one, or a compressed file cannot be read any further. The text is the reason."""


@contextmanager
def catch_damage() -> Iterator[None]:
    """Raise DamagedFile for every error of the modules that decompress, on bytes that are damaged, encrypted or end early."""
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

"""Errors raised by storage locations, and by the rows that record where files are stored."""


class InvalidKey(ValueError):
    """The key does not have the format of the keys that ccfs generates."""


class BlobNotFound(Exception):
    """The location has no file under the key."""


class BlobDamaged(BlobNotFound):
    """The bytes in the location differ from those that were stored under the key."""


class LocationUnreachable(OSError):
    """The location cannot currently be read or written, even after retries. The message gives the reason."""

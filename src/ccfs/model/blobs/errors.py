"""Errors of storage locations: part of their interface, and of the rows that say where bytes are."""


class InvalidKey(ValueError):
    """The key does not have the shape of the keys that we generate."""


class BlobNotFound(Exception):
    """The location has no bytes under the key."""


class LocationUnreachable(OSError):
    """The location cannot be read or written now, after all retries. The text says why."""

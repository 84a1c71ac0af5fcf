"""Passwords as argon2id hashes."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

_HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)  # about 30 ms and 32 MB on a small core


def hash_password(password: str) -> str:
    """Return the hash to store."""
    return _HASHER.hash(password)


def verify(password_hash: str, password: str) -> bool:
    """Return whether the password matches the hash.

    An empty hash (for an unknown user, or a user without a password) takes the same time and never matches.
    """
    try:
        return _HASHER.verify(password_hash or _dummy_hash(), password) and bool(password_hash)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("no user has this password")

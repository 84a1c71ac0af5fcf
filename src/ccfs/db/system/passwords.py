"""Passwords as argon2id hashes. Nothing else: whose they are is users.py's business."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

_HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)  # about 30 ms and 32 MB on a small core


def hash_password(password: str) -> str:
    """What to keep of a password."""
    return _HASHER.hash(password)


def verify(kept: str, password: str) -> bool:
    """Whether a password is the kept one's. An empty `kept`, of nobody or of one without, takes as long and is never right."""
    try:
        return _HASHER.verify(kept or _dummy_hash(), password) and bool(kept)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("nobody has this one")

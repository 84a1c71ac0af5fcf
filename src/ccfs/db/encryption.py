"""Encryption of stored secrets with the node keys.

The first key encrypts and any key decrypts, so that keys can be rotated. A checksum, which needs no key, tells a stored text
that another key encrypted from one that was damaged.
"""

import base64
import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ccfs.db.instance_file import read_or_create
from ccfs.model.errors import OperatorError

_CHECKSUM_CHARACTERS = 8


class DecryptionFailed(OperatorError):
    """none of the node keys decrypts a stored secret"""

    def __init__(self, param: str = "", *, is_damaged: bool = False) -> None:
        """`is_damaged`: the stored text changed after it was written; otherwise another key encrypted it."""
        super().__init__(param)
        self.is_damaged = is_damaged


class SecretBox:
    """Encrypts and decrypts short secrets."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """`keys` are Fernet keys, newest first. Raises OperatorError if there is none, or one is not a Fernet key."""
        if not keys:
            raise OperatorError("there is no node key")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise OperatorError("a node key is not a Fernet key (32 bytes in URL-safe base64)") from None
        self._raw_keys = [base64.urlsafe_b64decode(key) for key in keys]

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Return a key for another purpose from each node key, in the same order. It reveals nothing about other keys."""
        return tuple(hmac.digest(key, f"ccfs {purpose}".encode(), "sha256") for key in self._raw_keys)

    def encrypt(self, secret: str) -> str:
        """Return the secret, encrypted and authenticated."""
        token = self._fernet.encrypt(secret.encode()).decode()
        return f"{token}.{_checksum(token)}"

    def decrypt(self, encrypted: str) -> str:
        """Return the decrypted secret. Raises DecryptionFailed if none of the node keys can decrypt it."""
        token, _, checksum = encrypted.partition(".")
        try:
            return self._fernet.decrypt(token).decode()
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            raise DecryptionFailed(is_damaged=checksum != _checksum(token)) from None

    def reencrypt(self, encrypted: str) -> str:
        """Return the secret, encrypted with the newest key. Raises DecryptionFailed like `decrypt`."""
        return self.encrypt(self.decrypt(encrypted))


def _checksum(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()[:_CHECKSUM_CHARACTERS]


def load_or_create_keys(folder: Path) -> tuple[str, ...]:
    """Return the keys in the file `node.keys`, one per line. If the file is missing, create it with a new key."""
    return tuple(read_or_create(folder / "node.keys", lambda: Fernet.generate_key().decode()).split())

"""Encryption of stored secrets with the node keys.

The first key encrypts and any key decrypts, so that keys can be rotated.
"""

import base64
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ccfs.db.instance_file import read_or_create
from ccfs.model.errors import OperatorError


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
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the decrypted secret. Raises OperatorError if none of the node keys can decrypt it."""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken:
            raise OperatorError("none of the node keys decrypts a stored secret") from None

    def reencrypt(self, encrypted: str) -> str:
        """Return the secret, encrypted with the newest key. Raises OperatorError like `decrypt`."""
        return self.encrypt(self.decrypt(encrypted))


def load_or_create_keys(folder: Path) -> tuple[str, ...]:
    """Return the keys in the file `node.keys`, one per line. If the file is missing, create it with a new key."""
    return tuple(read_or_create(folder / "node.keys", lambda: Fernet.generate_key().decode()).split())

"""Encryption of secrets at rest with the node keys. The first key encrypts and every key decrypts, so that keys can rotate."""

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
        """Return a key for another purpose from each node key, in their order. It reveals nothing about any other key."""
        return tuple(hmac.digest(key, f"ccfs {purpose}".encode(), "sha256") for key in self._raw_keys)

    def encrypt(self, secret: str) -> str:
        """Return the secret, encrypted and authenticated."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the secret in clear. Raises OperatorError if none of the node keys decrypts it."""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken:
            raise OperatorError("none of the node keys decrypts a stored secret") from None

    def reencrypt(self, encrypted: str) -> str:
        """Return the secret encrypted with the newest key. Raises OperatorError as `decrypt` does."""
        return self.encrypt(self.decrypt(encrypted))


def load_or_create_keys(folder: Path) -> tuple[str, ...]:
    """Return the keys of the file `node.keys`, one a line. A missing file is created with a first key."""
    return tuple(read_or_create(folder / "node.keys", lambda: Fernet.generate_key().decode()).split())

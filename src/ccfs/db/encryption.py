"""Sealing secrets at rest with the node's keys. A list, so that keys rotate: the first seals, every one opens."""

import base64
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ccfs.db.instance_file import read_or_create
from ccfs.model.errors import OperatorError


class SecretBox:
    """Seals and opens short secrets."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """`keys` are Fernet keys, newest first; raises Misuse if one is not a key, or there is none."""
        if not keys:
            raise OperatorError("there is no node key")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise OperatorError("a node key is not a Fernet key (32 bytes in URL-safe base64)") from None
        self._raw_keys = [base64.urlsafe_b64decode(key) for key in keys]

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """A key for another purpose from each of the node's keys, in their order; it tells nothing of any other key."""
        return tuple(hmac.digest(secret, f"ccfs {purpose}".encode(), "sha256") for secret in self._raw_keys)

    def encrypt(self, secret: str) -> str:
        """The secret, encrypted and authenticated."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """The secret again; raises Misuse if none of the node's keys opens it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise OperatorError("a sealed secret opens with none of the node's keys") from None

    def reencrypt(self, sealed: str) -> str:
        """The same secret sealed with the newest key; raises Misuse as `open` does."""
        return self.encrypt(self.decrypt(sealed))


def load_or_create_keys(folder: Path) -> tuple[str, ...]:
    """The keys of the file `node.keys`, one a line; the file is made with a first key when it is missing."""
    return tuple(read_or_create(folder / "node.keys", lambda: Fernet.generate_key().decode()).split())

"""Sealing secrets at rest with the node's keys. A list, so that keys rotate: the first seals, every one opens."""

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ccfs.model.errors import Misuse


class Sealer:
    """Seals and opens short secrets."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """`keys` are Fernet keys, newest first; raises Misuse if one is not a key, or there is none."""
        if not keys:
            raise Misuse("there is no node key")
        try:
            self._keys = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise Misuse("a node key is not a Fernet key (32 bytes in URL-safe base64)") from None
        self._secrets = [base64.urlsafe_b64decode(key) for key in keys]

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """A key for another purpose from each of the node's keys, in their order; it tells nothing of any other key."""
        return tuple(hmac.digest(secret, f"ccfs {purpose}".encode(), "sha256") for secret in self._secrets)

    def seal(self, secret: str) -> str:
        """The secret, encrypted and authenticated."""
        return self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret again; raises Misuse if none of the node's keys opens it."""
        try:
            return self._keys.decrypt(sealed).decode()
        except InvalidToken:
            raise Misuse("a sealed secret opens with none of the node's keys") from None

    def renew(self, sealed: str) -> str:
        """The same secret sealed with the newest key; raises Misuse as `open` does."""
        return self.seal(self.open(sealed))


def keys_in(folder: Path) -> tuple[str, ...]:
    """The keys of the file `node.keys`, one a line; the file is made with a first key when it is missing."""
    path = folder / "node.keys"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    return tuple(path.read_text().split())


def _make(path: Path) -> None:
    """Two processes may start at once: the file appears whole, and the one that comes second keeps the first's.

    It is on disk before anything is sealed with it, for without it no secret opens.
    """
    fresh = path.with_suffix(f".{secrets.token_hex(8)}")  # no process id: containers that share a folder share ids, too
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

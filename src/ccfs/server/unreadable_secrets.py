"""Logging stored secrets that no node key decrypts."""

from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database
from ccfs.db.system import stored_secrets
from ccfs.logs import get_logger
from ccfs.model.identity.tenancy import UnreadableKey


class UnreadableKeyLog:
    """Logs each unreadable access key once."""

    def __init__(self) -> None:
        self._logged: set[int] = set()

    def __call__(self, keys: list[UnreadableKey]) -> None:
        """Log those of the keys that were readable before, or new."""
        for key in keys:
            if key.id not in self._logged:
                get_logger().error(
                    "no node key decrypts an SK",
                    action="secret_unreadable",
                    app=key.app.ak,
                    key=key.id,
                    reason="damaged" if key.is_damaged else "encrypted by another node key",
                )
        self._logged = {key.id for key in keys}


def log_damaged_secrets(database: Database, secret_box: SecretBox) -> None:
    """Log each stored secret that is damaged, when the server starts. It stops its owner only."""
    with database.read_transaction() as connection:
        unreadable = stored_secrets.list_unreadable(connection, secret_box)
    for secret in unreadable:
        get_logger().error(
            "no node key decrypts a secret", action="secret_unreadable", secret=secret.description, reason="damaged"
        )

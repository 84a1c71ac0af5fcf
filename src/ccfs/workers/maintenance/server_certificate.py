"""Watches the server's own TLS certificate: its expiry is stored with the node, for the status page and metrics, and logged."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.db.system.certificates.server_certificate import read_expiry
from ccfs.db.system.certificates.trusted_certificates import EXPIRY_WARNING
from ccfs.logs import get_logger

CHECK_SECONDS: Final = 60.0
LOG_SECONDS: Final = 86_400.0  # between two warnings of one certificate


class ServerCertificateWatch:
    """A step of a work loop. The server loads a changed certificate by itself, so each check reads the file again."""

    def __init__(self, database: Database, node_id: str, path: Path | None, now: Callable[[], datetime]) -> None:
        """`path` is the PEM file of the chain; None: the server has no TLS of its own."""
        self._database, self._node_id, self._path, self._now = database, node_id, path, now
        self._checked_at = self._logged_at = float("-inf")  # by time.monotonic
        self._logged: datetime | None = None

    def __call__(self) -> None:
        """Store when the certificate expires, and log it if that is soon."""
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        not_after = read_expiry(self._path) if self._path else None
        with self._database.write_transaction() as connection:
            nodes.set_certificate_expiry(connection, self._node_id, not_after)
        if not_after and not_after - self._now() < EXPIRY_WARNING:
            self._log(not_after)

    def _log(self, not_after: datetime) -> None:
        if not_after == self._logged and time.monotonic() - self._logged_at < LOG_SECONDS:
            return
        self._logged, self._logged_at = not_after, time.monotonic()
        days = (not_after - self._now()) // timedelta(days=1)
        get_logger().warning(
            "the server's certificate expires soon" if days >= 0 else "the server's certificate has expired",
            action="certificate_expiring",
            path=str(self._path),
            not_after=not_after.isoformat(),
            days=days,
        )

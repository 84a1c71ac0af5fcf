"""Checks of /readyz beside database and primary location: keys, free space, and the main process of the node."""

import multiprocessing
import os
import time
from pathlib import Path
from typing import Final

from ccfs.db.system import tenants
from ccfs.model.errors import OperatorError
from ccfs.server.node import Node
from ccfs.server.node_status import StatusCheck, build_status_path, read_status

KEYS_SECONDS: Final = 30.0  # between two checks of the keys


def build_checks(node: Node) -> list[StatusCheck]:
    """Return the checks of a web process. One that no main process has started has no workers to ask for."""
    checks: list[StatusCheck] = [KeyCheck(node), lambda: check_free_space(node)]
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        path = build_status_path(node.settings.data, parent.pid)
        checks.append(lambda: read_status(path))
    return checks


class KeyCheck:
    """Whether the node keys decrypt what is stored: with none of them, no request can be authenticated."""

    def __init__(self, node: Node) -> None:
        self._node, self._checked_at, self._reason = node, float("-inf"), ""

    def __call__(self) -> str:
        """Return the reason of the last check, which is at most KEYS_SECONDS old."""
        if time.monotonic() - self._checked_at >= KEYS_SECONDS:
            self._reason = self._check()
            self._checked_at = time.monotonic()
        return self._reason

    def _check(self) -> str:
        with self._node.database.read_transaction() as connection:
            secrets = tenants.list_newest_secrets(connection, 10)
        return "node keys do not decrypt the stored secrets" if secrets and not any(map(self._opens, secrets)) else ""

    def _opens(self, secret: str) -> bool:
        try:
            self._node.secret_box.decrypt(secret)
        except OperatorError:
            return False
        return True


def check_free_space(node: Node) -> str:
    """Return a reason if the disk of the data folder or of the primary location is full."""
    folders = {node.settings.data}
    config = node.locations.get_configs().get(node.primary_location.location_id)
    if config is not None and config.root and os.path.isabs(config.root):
        folders.add(Path(config.root))
    for folder in folders:
        try:
            status = os.statvfs(folder)
        except OSError:
            continue  # the primary location's own check says what is wrong
        if status.f_bavail * status.f_frsize < node.settings.min_free_mb << 20:
            return "disk is full"
    return ""

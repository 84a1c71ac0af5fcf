"""Partial uploads of killed processes: a server deletes old ones, even while another location is unavailable."""

import os
import time
from pathlib import Path
from typing import Any

from ccfs import settings
from ccfs.db.system.storage import locations
from ccfs.server.node import Node
from tests.blobs import s3_locations
from tests.server.ccfs_server import run_server

MIN_AGE_SECONDS = 2 * 3600
TIMEOUT_SECONDS = 15


def test_old_partial_uploads_are_deleted_after_the_start_and_new_ones_kept(tmp_path: Path) -> None:
    node = Node(settings.load_settings({}, data=tmp_path))
    left, young = (tmp_path / "files" / ".tmp" / name for name in ("left", "young"))
    assert node.disk.location_id == "0"
    with node.database.write_transaction() as connection:
        locations.add(connection, s3_locations.make_location_config("http://127.0.0.1:1"))
    node.database.close()
    for path in (left, young):
        path.write_bytes(b"half of it")
    os.utime(left, times=(time.time() - MIN_AGE_SECONDS, time.time() - MIN_AGE_SECONDS))
    options: dict[str, Any] = {"s3_access_key": "AK", "s3_secret_key": "SK", "s3_timeout_seconds": 1}
    with run_server(tmp_path, **options) as server:
        assert server.wait_for_log_line("partial_upload_cleanup_failed", location="1")
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while left.exists() and time.monotonic() < give_up:
            time.sleep(0.05)
        assert not left.exists()
        assert young.exists()

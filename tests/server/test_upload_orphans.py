"""An upload that is cut at any moment leaves no bytes without a row, once its reservation is over."""

import base64
import http.client
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.api.voice_files import UPLOAD_LEASE
from ccfs.db import schema
from ccfs.server.node import Node
from ccfs.workers.storage.mover import BlobMover
from tests import databases
from tests.api.api_client import ApiClient
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import add_app, make_a_law_wav
from tests.waiting import wait_until

SK = "the-secret-of-uploads-0000000000"
UPLOADERS, KILLS = 4, 3  # scripts/soak kills more often


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The settings of a server on each engine."""
    if request.param == "sqlite":
        yield {}
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield {"database_url": url}


def upload(client: ApiClient, stored: list[str]) -> None:
    """Upload until the server dies, and note the names that it acknowledged."""
    try:
        while True:
            reply = client.request("ivr/uploadFile?vdnId=1", {"data": encode(make_a_law_wav(random.randrange(256), 3))})
            stored.append(reply.json["resultData"]["fileName"])
    except (OSError, http.client.HTTPException, ValueError, TypeError):  # the server died, before or in its response
        return


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def list_stored(node: Node) -> set[str]:
    """Return the keys of all files of uploads."""
    root = node.settings.data / "files"
    return {str(path.relative_to(root)) for path in root.glob("*/voice/*/*.wav")}


def list_rows(node: Node) -> dict[str, str]:
    """Return the keys of all rows by their names."""
    with node.database.read_transaction() as connection:
        columns = schema.voice_files.c
        return {row.file_name: row.key for row in connection.execute(sa.select(columns.file_name, columns.key))}


def delete_orphans(node: Node, now: datetime) -> None:
    BlobMover(database=node.database, locations=node.locations, now=lambda: now, grace=timedelta()).delete_orphans()


def kill_during_uploads(data: Path, options: dict[str, Any], stored: list[str]) -> None:
    with run_server(data, lock_failures=0, **options) as server:
        if not stored:
            add_app(server.node, "uploads", SK, 1)
        client = ApiClient(server=server, ak="UPLOADSAK0001", sk=SK)
        before = len(stored)
        threads = [threading.Thread(target=upload, args=(client, stored)) for _ in range(UPLOADERS)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(stored) > before + 5)
        time.sleep(random.random() / 5)
        server.kill()
        for thread in threads:
            thread.join(30)


def test_kills_during_uploads_lose_no_acknowledged_file_and_leave_none_without_a_row(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    stored: list[str] = []
    for _ in range(KILLS):
        kill_during_uploads(tmp_path, options, stored)
    with run_server(tmp_path, **options) as server:
        now, rows = datetime.now(UTC), list_rows(server.node)
        assert stored
        assert set(stored) <= rows.keys()
        delete_orphans(server.node, now + UPLOAD_LEASE + timedelta(minutes=1))
        assert list_stored(server.node) == set(rows.values())


def test_bytes_whose_row_could_not_be_written_are_deleted(tmp_path: Path, options: dict[str, Any]) -> None:
    with run_server(tmp_path, **options) as server:
        app = add_app(server.node, "uploads", SK, 1)
        client = ApiClient(server=server, ak=app.ak, sk=SK)
        forbid_rows(server)
        reply = client.request("ivr/uploadFile?vdnId=1", {"data": encode(make_a_law_wav(1))})
        assert reply.result_code == "0390005"
        assert len(list_stored(server.node)) == 1
        assert list_rows(server.node) == {}
        delete_orphans(server.node, datetime.now(UTC))
        assert len(list_stored(server.node)) == 1  # it might still be on its way
        delete_orphans(server.node, datetime.now(UTC) + UPLOAD_LEASE)
        assert list_stored(server.node) == set()


def forbid_rows(server: CcfsServer) -> None:
    """Make the database reject rows of voice files."""
    with server.node.database.write_transaction() as connection:
        if server.node.database.is_sqlite:
            connection.exec_driver_sql(
                "CREATE TRIGGER forbid BEFORE INSERT ON voice_files BEGIN SELECT RAISE(ABORT, 'forbidden'); END"
            )
        else:
            connection.exec_driver_sql("ALTER TABLE voice_files ADD CONSTRAINT forbid CHECK (id < 0) NOT VALID")


def test_an_upload_whose_reservation_is_over_is_not_acknowledged(tmp_path: Path, options: dict[str, Any]) -> None:
    """As if it had taken an hour: a worker has leased its key for deletion."""
    with run_server(tmp_path, **options) as server:
        app = add_app(server.node, "uploads", SK, 1)
        client = ApiClient(server=server, ak=app.ak, sk=SK)
        with server.node.database.write_transaction() as connection:
            if server.node.database.is_sqlite:
                connection.exec_driver_sql(
                    "CREATE TRIGGER over AFTER INSERT ON orphaned_blobs BEGIN DELETE FROM orphaned_blobs; END"
                )
            else:
                connection.exec_driver_sql("CREATE RULE over AS ON INSERT TO orphaned_blobs DO INSTEAD NOTHING")
        reply = client.request("ivr/uploadFile?vdnId=1", {"data": encode(make_a_law_wav(1))})
        assert reply.result_code == "0390005"
        assert list_rows(server.node) == {}
        assert server.wait_for_log_line("read_failed", cause="reservation_over")

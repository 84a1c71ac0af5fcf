"""The zip of a bulk download while its server is killed, or its recordings are moved, copied or lost."""

import hashlib
import http.client
from dataclasses import replace
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.db.schema import recordings as RECORDINGS
from ccfs.db.system.storage import locations
from ccfs.db.tenant import recordings
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from tests.console.bulk.bulk_download_server import (
    BulkDownloadServer,
    build_search_form,
    download_zip,
    kill_processes,
    request_bulk_download,
    run_bulk_download_server,
    wait_until_ready,
)
from tests.console.call_centre_data import BEGIN
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import get_blob_path


def test_the_zip_is_resumed_after_the_server_was_killed(tmp_path: Path) -> None:
    with run_bulk_download_server(tmp_path) as bulk_server:
        emil = ConsoleClient(server=bulk_server.server)
        emil.sign_in("emil")
        query = request_bulk_download(emil, **build_search_form(bulk_server.call_centre.account_param))
        wait_until_ready(emil, query)
        expected = download_zip(emil, query)
        first = download_partly(emil, query, 3_000_000, lambda: kill_processes(bulk_server.server))
    with run_server(tmp_path, lock_failures=0) as server:
        emil = replace(emil, server=server)
        more = {"range": f"bytes={len(first)}-", "if-range": expected.headers["etag"]}
        rest = download_zip(emil, query, **more)
    assert rest.status == 206
    assert len(first) < len(expected.body)
    assert hashlib.sha256(first + rest.body).digest() == hashlib.sha256(expected.body).digest()


def download_partly(client: ConsoleClient, query: str, least: int, then: object) -> bytes:
    """Return what a download receives; after its first bytes, `then` is called."""
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=20)
    headers = {"cookie": f"ccfs_session={client.cookies['ccfs_session']}", "host": client.server.host}
    connection.request("GET", f"/console/bulk-download/zip?{query}", headers=headers)
    response = connection.getresponse()
    found = response.read(least)
    then()  # type: ignore[operator]
    try:
        while piece := response.read1(1 << 16):
            found += piece
    except (http.client.HTTPException, OSError):
        pass
    finally:
        connection.close()
    return found


def test_a_recording_that_is_moved_during_a_download_is_read_from_its_new_location(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
) -> None:
    node, recording = server.node, bulk_download_server.recordings[-1]
    moved = node.disk.write(f"{recording.blob.key}-moved", [get_blob_path(node, recording.blob).read_bytes()])
    with node.database.write_transaction() as connection:
        mine = RECORDINGS.c.file_name == recording.file_name
        connection.execute(RECORDINGS.update().where(mine).values(key=moved.key))
        assert recordings.find_by_name(connection, bulk_download_server.call_centre.acme, recording.file_name)
    node.disk.delete(recording.blob.key)
    assert download_zip(exporter, bulk_query).body == whole_zip


def test_a_replica_is_read_where_the_first_blob_is_missing(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
    tmp_path: Path,
) -> None:
    recording, node = bulk_download_server.recordings[20], server.node
    file = get_blob_path(node, recording.blob)
    data = file.read_bytes()
    DiskLocation("7", tmp_path).write(recording.blob.key, [data])
    with node.database.write_transaction() as connection:
        locations.add(connection, LocationConfig(id="7", kind=LocationKind.DISK, root=str(tmp_path), created_at=BEGIN))
    file.unlink()
    try:
        assert download_zip(exporter, bulk_query).body == whole_zip
    finally:
        file.write_bytes(data)


@pytest.mark.parametrize("harm", ["gone", "longer", "shorter"])
def test_a_recording_that_is_lost_during_a_download_ends_the_connection_and_sends_no_wrong_bytes(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
    harm: str,
) -> None:
    recording = bulk_download_server.recordings[30]
    file, data = get_blob_path(server.node, recording.blob), get_blob_path(server.node, recording.blob).read_bytes()
    changed = {"longer": data + b"x", "shorter": data[:-1]}
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(changed[harm])
    try:
        found = download_partly(exporter, bulk_query, 1, lambda: None)
        assert len(found) < len(whole_zip)
        assert whole_zip.startswith(found)
        at = whole_zip.index(data)
        assert download_zip(exporter, bulk_query, range=f"bytes={at + 5}-{at + 50}").status == 500
        before = download_zip(exporter, bulk_query, range=f"bytes=0-{at // 2}")
        assert (before.status, before.body) == (206, whole_zip[: at // 2 + 1])
    finally:
        file.write_bytes(data)
    assert download_zip(exporter, bulk_query).body == whole_zip

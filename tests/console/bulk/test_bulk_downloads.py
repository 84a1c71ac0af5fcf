"""Taking recordings along: what is in the zip, that any range of it is that part of it, and that it survives a kill."""

import csv
import hashlib
import http.client
import io
import random
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.db.schema import recordings as RECORDINGS
from ccfs.db.system import locations
from ccfs.db.tenant import recordings
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from tests.console.bulk.bulk_download_server import (
    CALL_COUNT,
    CALLER_NO,
    CHANGED_NUMBER,
    MISSING_NUMBER,
    TRUNCATED_NUMBER,
    BulkDownloadServer,
    build_search_form,
    download_zip,
    kill_processes,
    request_bulk_download,
    run_bulk_download_server,
    wait_until_ready,
)
from tests.console.call_centre_data import BEGIN
from tests.console.console_client import ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import get_blob_path

ZIP_READERS = (("unzip", "-tqq"), ("7z", "t", "-bso0"), ("bsdtar", "-tf"))


@pytest.fixture(scope="module")
def server(bulk_download_server: BulkDownloadServer) -> CcfsServer:
    return bulk_download_server.server


@pytest.fixture(scope="module")
def exporter(server: CcfsServer, bulk_download_server: BulkDownloadServer) -> ConsoleClient:
    visitor = ConsoleClient(server=server)
    visitor.sign_in("emil")
    return visitor


@pytest.fixture(scope="module")
def bulk_query(exporter: ConsoleClient, bulk_download_server: BulkDownloadServer) -> str:
    """A selection of all the hall's calls, ready: its query."""
    query = request_bulk_download(
        exporter,
        **build_search_form(bulk_download_server.call_centre.account_param),
        place=bulk_download_server.call_centre.account_param,
    )
    wait_until_ready(exporter, query)
    return query


@pytest.fixture(scope="module")
def whole_zip(exporter: ConsoleClient, bulk_query: str) -> bytes:
    return download_zip(exporter, bulk_query).body


def read_csv_rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))


def list_recordings(zipped: bytes) -> list[bytes]:
    """The recordings in a zip."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return [archive.read(name) for name in archive.namelist() if not name.endswith(".csv")]


def test_the_zip_holds_every_recording_that_is_whole_and_names_the_others(
    bulk_download_server: BulkDownloadServer, whole_zip: bytes
) -> None:
    with zipfile.ZipFile(io.BytesIO(whole_zip)) as archive:
        assert archive.testzip() is None
        index, missing = read_csv_rows(archive, "index.csv"), read_csv_rows(archive, "missing.csv")
        names = [row["file"] for row in index]
        assert archive.namelist() == [*names, "index.csv", "missing.csv"]
        assert [row["sha256"] for row in index] == [tape.blob.sha256 for tape in bulk_download_server.intact_recordings]
        found = [hashlib.sha256(archive.read(name)).hexdigest() for name in names]
    assert found == [tape.blob.sha256 for tape in bulk_download_server.intact_recordings]
    told = [(row["recording"], row["why"]) for row in missing]
    broken = [(MISSING_NUMBER, "gone"), (TRUNCATED_NUMBER, "differs"), (CHANGED_NUMBER, "differs")]
    assert told == [(bulk_download_server.recordings[number].file_name, why) for number, why in broken]


def test_names_tell_who_and_when_and_lead_nowhere(whole_zip: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole_zip)) as archive:
        names = archive.namelist()[:-2]
        nasty = read_csv_rows(archive, "index.csv")[4]
    assert len({name.lower() for name in names}) == CALL_COUNT - 3
    assert all(name.startswith("recordings/20") and name.endswith(".wav") for name in names)
    assert not any(".." in name or name.count("/") > 1 or "\\" in name for name in names)
    assert any("坐席-7" in name for name in names)
    assert sum(CALLER_NO in name for name in names) == CALL_COUNT - 4
    assert (nasty["caller"], nasty["queue"]) == ("../../etc", "'=cmd")


def test_other_programs_read_it(whole_zip: bytes, tmp_path: Path) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole_zip)
    readers = [reader for reader in ZIP_READERS if shutil.which(reader[0])]
    for program, *flags in readers:
        done = subprocess.run([program, *flags, str(file)], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (program, done.stderr)


def test_the_answer_says_its_size_and_tag(exporter: ConsoleClient, bulk_query: str, whole_zip: bytes) -> None:
    headers = download_zip(exporter, bulk_query).headers
    assert headers["content-length"] == str(len(whole_zip))
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"].startswith('"')
    assert headers["content-type"] == "application/zip"
    assert headers["content-disposition"].startswith('attachment; filename="recordings-')
    assert download_zip(exporter, bulk_query, **{"if-none-match": headers["etag"]}).status == 304


def test_every_range_is_that_part_of_the_whole(exporter: ConsoleClient, bulk_query: str, whole_zip: bytes) -> None:
    chance, size = random.Random(5), len(whole_zip)
    spans = [(0, 0), (size - 1, size - 1), (size - 100_000, size - 1), (0, size - 1), (size - 30_000, size - 20_000)]
    for _ in range(60):
        start = chance.randrange(size)
        spans.append((start, min(start + chance.choice([0, 1, 100, 5_000, 3_000_000]), size - 1)))
    for start, last in spans:
        reply = download_zip(exporter, bulk_query, range=f"bytes={start}-{last}")
        assert reply.status == 206
        assert reply.headers["content-range"] == f"bytes {start}-{last}/{size}"
        assert reply.body == whole_zip[start : last + 1], (start, last)
    assert download_zip(exporter, bulk_query, range="bytes=-10").body == whole_zip[-10:]
    assert download_zip(exporter, bulk_query, range=f"bytes={size}-").status == 416


def test_a_range_of_other_bytes_is_the_whole(exporter: ConsoleClient, bulk_query: str, whole_zip: bytes) -> None:
    reply = download_zip(exporter, bulk_query, **{"range": "bytes=5-9", "if-range": '"another"'})
    assert (reply.status, len(reply.body)) == (200, len(whole_zip))


def test_curl_resumes_it(
    server: CcfsServer, exporter: ConsoleClient, bulk_query: str, whole_zip: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole_zip[: len(whole_zip) // 3])
    url = f"http://{server.host}/console/bulk-download/zip?{bulk_query}"
    cookie = f"ccfs_session={exporter.cookies['ccfs_session']}"
    command = ["curl", "-sS", "-f", "--noproxy", "*", "-C", "-", "-o", str(file), "-b", cookie, url]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert file.read_bytes() == whole_zip


def test_a_killed_server_changes_nothing_in_what_comes_after(tmp_path: Path) -> None:
    with run_bulk_download_server(tmp_path) as hall:
        emil = ConsoleClient(server=hall.server)
        emil.sign_in("emil")
        query = request_bulk_download(
            emil, **build_search_form(hall.call_centre.account_param), place=hall.call_centre.account_param
        )
        wait_until_ready(emil, query)
        expected = download_zip(emil, query)
        first = download_partly(emil, query, 3_000_000, lambda: kill_processes(hall.server))
    with run_server(tmp_path, lock_failures=0) as server:
        emil = replace(emil, server=server)
        more = {"range": f"bytes={len(first)}-", "if-range": expected.headers["etag"]}
        rest = download_zip(emil, query, **more)
    assert rest.status == 206
    assert len(first) < len(expected.body)
    assert hashlib.sha256(first + rest.body).digest() == hashlib.sha256(expected.body).digest()


def download_partly(visitor: ConsoleClient, query: str, least: int, then: object) -> bytes:
    """What comes of a download until something happens after its first bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", visitor.server.port, timeout=20)
    headers = {"cookie": f"ccfs_session={visitor.cookies['ccfs_session']}", "host": visitor.server.host}
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


def test_a_recording_that_is_moved_meanwhile_is_served_from_its_new_place(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
) -> None:
    node, tape = server.node, bulk_download_server.recordings[-1]
    moved = node.disk.write(f"{tape.blob.key}-moved", [get_blob_path(node, tape.blob).read_bytes()])
    with node.database.write_transaction() as connection:
        mine = RECORDINGS.c.file_name == tape.file_name
        connection.execute(RECORDINGS.update().where(mine).values(key=moved.key))
        assert recordings.find_by_name(connection, bulk_download_server.call_centre.acme, tape.file_name)
    node.disk.delete(tape.blob.key)
    assert download_zip(exporter, bulk_query).body == whole_zip


def test_a_copy_in_another_location_is_served_where_the_first_is_gone(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
    tmp_path: Path,
) -> None:
    tape, node = bulk_download_server.recordings[20], server.node
    file = get_blob_path(node, tape.blob)
    kept = file.read_bytes()
    DiskLocation("7", tmp_path).write(tape.blob.key, [kept])
    with node.database.write_transaction() as connection:
        locations.add(connection, LocationConfig(id="7", kind=LocationKind.DISK, root=str(tmp_path), created_at=BEGIN))
    file.unlink()
    try:
        assert download_zip(exporter, bulk_query).body == whole_zip
    finally:
        file.write_bytes(kept)


@pytest.mark.parametrize("harm", ["gone", "longer", "shorter"])
def test_a_recording_that_is_lost_meanwhile_ends_the_connection_and_never_gives_other_bytes(
    server: CcfsServer,
    exporter: ConsoleClient,
    bulk_download_server: BulkDownloadServer,
    bulk_query: str,
    whole_zip: bytes,
    harm: str,
) -> None:
    tape = bulk_download_server.recordings[30]
    file, kept = get_blob_path(server.node, tape.blob), get_blob_path(server.node, tape.blob).read_bytes()
    changed = {"longer": kept + b"x", "shorter": kept[:-1]}
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(changed[harm])
    try:
        found = download_partly(exporter, bulk_query, 1, lambda: None)
        assert len(found) < len(whole_zip)
        assert whole_zip.startswith(found)
        at = whole_zip.index(kept)
        assert download_zip(exporter, bulk_query, range=f"bytes={at + 5}-{at + 50}").status == 500
        before = download_zip(exporter, bulk_query, range=f"bytes=0-{at // 2}")
        assert (before.status, before.body) == (206, whole_zip[: at // 2 + 1])
    finally:
        file.write_bytes(kept)
    assert download_zip(exporter, bulk_query).body == whole_zip


def test_what_is_ticked_is_what_is_in_it(exporter: ConsoleClient, bulk_download_server: BulkDownloadServer) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700001000-1", "call.2": "1700001000-2"}
    )
    wait_until_ready(exporter, query)
    with zipfile.ZipFile(io.BytesIO(download_zip(exporter, query).body)) as archive:
        assert [row["call_id"] for row in read_csv_rows(archive, "index.csv")] == ["1700001000-1", "1700001000-2"]


def test_nothing_ticked_is_said(exporter: ConsoleClient, bulk_download_server: BulkDownloadServer) -> None:
    reply = exporter.post(
        "/console/bulk-downloads", account=bulk_download_server.call_centre.account_param, period="30"
    )
    assert (reply.status, "No call was ticked." in extract_text(reply)) == (400, True)


def test_it_is_nobody_else_s(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer, bulk_query: str
) -> None:
    for name in ("lucy", "olga", "anna", "audrey", "basil", "nick"):
        visitor = ConsoleClient(server=server)
        visitor.sign_in(name)
        nothing = extract_text(visitor.get("/console/nothing"))
        for door in (f"/console/bulk-download?{bulk_query}", f"/console/bulk-download/zip?{bulk_query}"):
            reply = visitor.get(door)
            assert (reply.status, extract_text(reply)) == (404, nothing), (name, door)
        assert bulk_query.partition("id=")[2] not in visitor.get("/console/bulk-downloads").body.decode()
    number = bulk_query.partition("id=")[2]
    for other in (
        f"{bulk_download_server.call_centre.acme.ak}/acme-other",
        f"{bulk_download_server.call_centre.bolt.ak}/bolt-account",
        "x/y",
    ):
        assert exporter.get(f"/console/bulk-download/zip?account={other}&id={number}").status == 404


def test_its_maker_alone_deletes_it_and_the_recordings_stay(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700000000-1"}
    )
    assert "Delete this zip" in wait_until_ready(exporter, query)
    for name in ("lucy", "olga", "anna"):
        visitor = ConsoleClient(server=server)
        visitor.sign_in(name)
        assert visitor.post(f"/console/bulk-download?{query}").status == 404
    assert exporter.post(f"/console/bulk-download?{query}", csrf="x").status == 403
    before = list_recordings(download_zip(exporter, query).body)
    assert exporter.post(f"/console/bulk-download?{query}").headers["location"] == "/console/bulk-downloads"
    assert [exporter.get(f"/console/{page}?{query}").status for page in ("bulk-download", "bulk-download/zip")] == [
        404,
        404,
    ]
    assert exporter.post(f"/console/bulk-download?{query}").status == 404
    wait_until_ready(
        exporter,
        again := request_bulk_download(
            exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700000000-1"}
        ),
    )
    assert list_recordings(download_zip(exporter, again).body) == before != []
    with server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT actor, target FROM audit_log WHERE action = 'bulk_download_deleted'"
        ).all()
    assert [tuple(row) for row in told] == [("emil", query.partition("id=")[2])]


def test_only_calls_of_the_account_come_along(
    exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700000000-7", "call.2": "1700000000-1"}
    )  # the first is another's
    wait_until_ready(exporter, query)
    with zipfile.ZipFile(io.BytesIO(download_zip(exporter, query).body)) as archive:
        assert [row["call_id"] for row in read_csv_rows(archive, "index.csv")] == ["1700000000-1"]


def test_who_may_only_listen_takes_nothing(server: CcfsServer, bulk_download_server: BulkDownloadServer) -> None:
    lucy = ConsoleClient(server=server)
    lucy.sign_in("lucy")
    assert (
        lucy.post("/console/bulk-downloads", **build_search_form(bulk_download_server.call_centre.account_param)).status
        == 404
    )
    assert lucy.get(f"/console/calls/csv?account={bulk_download_server.call_centre.account_param}").status == 404
    page = lucy.get(f"/console/calls?account={bulk_download_server.call_centre.account_param}").body
    assert b"/console/bulk-downloads" not in page
    assert b'type="checkbox"' not in page


def test_the_log_tells_who_asked_and_who_took(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer, bulk_query: str
) -> None:
    download_zip(exporter, bulk_query, range="bytes=0-9")
    download_zip(exporter, bulk_query, range="bytes=10-19")
    with server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT actor, account_id, action FROM audit_log WHERE target LIKE ? ORDER BY id",
            (f"{bulk_query.partition('id=')[2]}%",),
        ).all()
    assert told[0] == ("emil", "acme-account", "bulk_download_requested")
    assert set(told[1:]) == {("emil", "acme-account", "bulk_download_saved")}

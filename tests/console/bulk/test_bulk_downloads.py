"""The zip of a bulk download: members, ranges, resuming, and recordings that change during a download."""

import csv
import hashlib
import io
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.console.bulk.bulk_download_server import (
    CALL_COUNT,
    CALLER_NO,
    CHANGED_NUMBER,
    MISSING_NUMBER,
    TRUNCATED_NUMBER,
    BulkDownloadServer,
    build_search_form,
    download_zip,
    request_bulk_download,
    wait_until_ready,
)
from tests.console.console_client import ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer

ZIP_READERS = (("unzip", "-tqq"), ("7z", "t", "-bso0"), ("bsdtar", "-tf"))


def read_csv_rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))


def list_recordings(zipped: bytes) -> list[bytes]:
    """Return the recordings in a zip."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return [archive.read(name) for name in archive.namelist() if not name.endswith(".csv")]


def test_the_zip_has_every_intact_recording_and_names_the_missing_ones(
    bulk_download_server: BulkDownloadServer, whole_zip: bytes
) -> None:
    with zipfile.ZipFile(io.BytesIO(whole_zip)) as archive:
        assert archive.testzip() is None
        index, missing = read_csv_rows(archive, "index.csv"), read_csv_rows(archive, "missing.csv")
        names = [row["file"] for row in index]
        assert archive.namelist() == [*names, "index.csv", "missing.csv"]
        assert [row["sha256"] for row in index] == [
            recording.blob.sha256 for recording in bulk_download_server.intact_recordings
        ]
        found = [hashlib.sha256(archive.read(name)).hexdigest() for name in names]
    assert found == [recording.blob.sha256 for recording in bulk_download_server.intact_recordings]
    entries = [(row["recording"], row["why"]) for row in missing]
    broken = [(MISSING_NUMBER, "gone"), (TRUNCATED_NUMBER, "differs"), (CHANGED_NUMBER, "differs")]
    assert entries == [(bulk_download_server.recordings[number].file_name, why) for number, why in broken]


def test_a_member_name_has_agent_and_time_and_is_a_safe_path(whole_zip: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole_zip)) as archive:
        names = archive.namelist()[:-2]
        nasty = read_csv_rows(archive, "index.csv")[4]
    assert len({name.lower() for name in names}) == CALL_COUNT - 3
    assert all(name.startswith("recordings/20") and name.endswith(".wav") for name in names)
    assert not any(".." in name or name.count("/") > 1 or "\\" in name for name in names)
    assert any("坐席-7" in name for name in names)
    assert sum(CALLER_NO in name for name in names) == CALL_COUNT - 4
    assert (nasty["caller"], nasty["queue"]) == ("../../etc", "'=cmd")


def test_the_zip_is_read_by_other_programs(whole_zip: bytes, tmp_path: Path) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole_zip)
    readers = [reader for reader in ZIP_READERS if shutil.which(reader[0])]
    for program, *flags in readers:
        done = subprocess.run([program, *flags, str(file)], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (program, done.stderr)


def test_the_zip_response_has_size_and_etag(exporter: ConsoleClient, bulk_query: str, whole_zip: bytes) -> None:
    headers = download_zip(exporter, bulk_query).headers
    assert headers["content-length"] == str(len(whole_zip))
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"].startswith('"')
    assert headers["content-type"] == "application/zip"
    assert headers["content-disposition"].startswith('attachment; filename="recordings-')
    assert download_zip(exporter, bulk_query, **{"if-none-match": headers["etag"]}).status == 304


def test_a_range_of_the_zip_is_that_part_of_it(exporter: ConsoleClient, bulk_query: str, whole_zip: bytes) -> None:
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


def test_a_range_with_another_etag_gets_the_whole_zip(
    exporter: ConsoleClient, bulk_query: str, whole_zip: bytes
) -> None:
    reply = download_zip(exporter, bulk_query, **{"range": "bytes=5-9", "if-range": '"another"'})
    assert (reply.status, len(reply.body)) == (200, len(whole_zip))


def test_curl_resumes_the_zip(
    server: CcfsServer, exporter: ConsoleClient, bulk_query: str, whole_zip: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole_zip[: len(whole_zip) // 3])
    url = f"http://{server.host}/console/bulk-download/zip?{bulk_query}"
    cookie = f"ccfs_session={exporter.cookies['ccfs_session']}"
    command = ["curl", "-sS", "-f", "--noproxy", "*", "-C", "-", "-o", str(file), "-b", cookie, url]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert file.read_bytes() == whole_zip


def test_a_bulk_download_of_ticked_calls_has_their_recordings(
    exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700001000-1", "call.2": "1700001000-2"}
    )
    wait_until_ready(exporter, query)
    with zipfile.ZipFile(io.BytesIO(download_zip(exporter, query).body)) as archive:
        assert [row["call_id"] for row in read_csv_rows(archive, "index.csv")] == ["1700001000-1", "1700001000-2"]


def test_a_bulk_download_without_a_ticked_call_returns_to_the_search_and_says_so(
    exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    reply = exporter.post(
        "/console/bulk-downloads", account=bulk_download_server.call_centre.account_param, period="30", caller="9460"
    )
    assert reply.status == 303
    text = exporter.get_text(reply.headers["location"])
    assert ("Select at least one call." in text, "Caller 9460" in text) == (True, True)


def test_calls_selected_on_several_pages_are_downloaded_together(
    exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    selected = {"call.1": "1700001000-2", "selected": "1700001000-1 1700001000-2"}
    query = request_bulk_download(exporter, bulk_download_server.call_centre.account_param, **selected)
    wait_until_ready(exporter, query)
    with zipfile.ZipFile(io.BytesIO(download_zip(exporter, query).body)) as archive:
        assert sorted(row["call_id"] for row in read_csv_rows(archive, "index.csv")) == ["1700001000-1", "1700001000-2"]


def test_a_bulk_download_is_its_user_s_only(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer, bulk_query: str
) -> None:
    for name in ("lucy", "olga", "anna", "audrey", "basil", "nick"):
        client = ConsoleClient(server=server)
        client.sign_in(name)
        nothing = extract_text(client.get("/console/nothing"))
        for path in (f"/console/bulk-download?{bulk_query}", f"/console/bulk-download/zip?{bulk_query}"):
            reply = client.get(path)
            assert (reply.status, extract_text(reply)) == (404, nothing), (name, path)
        assert bulk_query.partition("id=")[2] not in client.get("/console/bulk-downloads").body.decode()
    number = bulk_query.partition("id=")[2]
    for other in (
        f"{bulk_download_server.call_centre.acme.ak}/acme-other",
        f"{bulk_download_server.call_centre.bolt.ak}/bolt-account",
        "x/y",
    ):
        assert exporter.get(f"/console/bulk-download/zip?account={other}&id={number}").status == 404


def test_a_bulk_download_is_deleted_by_its_user_only_and_its_recordings_stay(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700000000-1"}
    )
    assert "Delete zip file" in wait_until_ready(exporter, query)
    for name in ("lucy", "olga", "anna"):
        client = ConsoleClient(server=server)
        client.sign_in(name)
        assert client.post(f"/console/bulk-download?{query}").status == 404
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
        entries = connection.exec_driver_sql(
            "SELECT actor, target FROM audit_log WHERE action = 'bulk_download_deleted'"
        ).all()
    assert [tuple(row) for row in entries] == [("emil", query.partition("id=")[2])]


def test_a_bulk_download_has_calls_of_its_account_only(
    exporter: ConsoleClient, bulk_download_server: BulkDownloadServer
) -> None:
    query = request_bulk_download(
        exporter, bulk_download_server.call_centre.account_param, **{"call.1": "1700000000-7", "call.2": "1700000000-1"}
    )  # the first is another's
    wait_until_ready(exporter, query)
    with zipfile.ZipFile(io.BytesIO(download_zip(exporter, query).body)) as archive:
        assert [row["call_id"] for row in read_csv_rows(archive, "index.csv")] == ["1700000000-1"]


def test_a_listener_has_no_bulk_downloads(server: CcfsServer, bulk_download_server: BulkDownloadServer) -> None:
    lucy = ConsoleClient(server=server)
    lucy.sign_in("lucy")
    assert (
        lucy.post("/console/bulk-downloads", **build_search_form(bulk_download_server.call_centre.account_param)).status
        == 404
    )
    assert lucy.get(f"/console/calls/csv?account={bulk_download_server.call_centre.account_param}").status == 404
    page = lucy.get(f"/console/calls?account={bulk_download_server.call_centre.account_param}").body
    assert b"/console/bulk-downloads" not in page
    assert b'name="call.' not in page


def test_request_and_download_of_a_zip_are_audited(
    server: CcfsServer, exporter: ConsoleClient, bulk_download_server: BulkDownloadServer, bulk_query: str
) -> None:
    download_zip(exporter, bulk_query, range="bytes=0-9")
    download_zip(exporter, bulk_query, range="bytes=10-19")
    with server.node.database.read_transaction() as connection:
        entries = connection.exec_driver_sql(
            "SELECT actor, account_id, action FROM audit_log WHERE target LIKE ? ORDER BY id",
            (f"{bulk_query.partition('id=')[2]}%",),
        ).all()
    assert entries[0] == ("emil", "acme-account", "bulk_download_requested")
    assert set(entries[1:]) == {("emil", "acme-account", "bulk_download_saved")}

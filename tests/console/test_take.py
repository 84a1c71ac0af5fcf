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
from tests.cast import path_of
from tests.console.floor import BEGIN
from tests.console.hall import CALLER, CALLS, GONE, OTHER, SHORT, Hall, a_hall, all_of, ask, fetch, kill, ready
from tests.console.visitor import Visitor, text_of
from tests.web.serving import Server, serving

READERS = (("unzip", "-tqq"), ("7z", "t", "-bso0"), ("bsdtar", "-tf"))


@pytest.fixture(scope="module")
def server(hall: Hall) -> Server:
    return hall.server


@pytest.fixture(scope="module")
def emil(server: Server, hall: Hall) -> Visitor:
    visitor = Visitor(server=server)
    visitor.sign_in("emil")
    return visitor


@pytest.fixture(scope="module")
def taken(emil: Visitor, hall: Hall) -> str:
    """A selection of all the hall's calls, ready: its query."""
    query = ask(emil, **all_of(hall.floor.place), place=hall.floor.place)
    ready(emil, query)
    return query


@pytest.fixture(scope="module")
def whole(emil: Visitor, taken: str) -> bytes:
    return fetch(emil, taken).body


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))


def heard(zipped: bytes) -> list[bytes]:
    """The recordings in a zip."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return [archive.read(name) for name in archive.namelist() if not name.endswith(".csv")]


def test_the_zip_holds_every_recording_that_is_whole_and_names_the_others(hall: Hall, whole: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        index, missing = rows(archive, "index.csv"), rows(archive, "missing.csv")
        names = [row["file"] for row in index]
        assert archive.namelist() == [*names, "index.csv", "missing.csv"]
        assert [row["sha256"] for row in index] == [tape.blob.sha256 for tape in hall.whole]
        found = [hashlib.sha256(archive.read(name)).hexdigest() for name in names]
    assert found == [tape.blob.sha256 for tape in hall.whole]
    told = [(row["recording"], row["why"]) for row in missing]
    broken = [(GONE, "gone"), (SHORT, "differs"), (OTHER, "differs")]
    assert told == [(hall.tapes[number].file_name, why) for number, why in broken]


def test_names_tell_who_and_when_and_lead_nowhere(whole: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        names = archive.namelist()[:-2]
        nasty = rows(archive, "index.csv")[4]
    assert len({name.lower() for name in names}) == CALLS - 3
    assert all(name.startswith("recordings/20") and name.endswith(".wav") for name in names)
    assert not any(".." in name or name.count("/") > 1 or "\\" in name for name in names)
    assert any("坐席-7" in name for name in names)
    assert sum(CALLER in name for name in names) == CALLS - 4
    assert (nasty["caller"], nasty["queue"]) == ("../../etc", "'=cmd")


def test_other_programs_read_it(whole: bytes, tmp_path: Path) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole)
    readers = [reader for reader in READERS if shutil.which(reader[0])]
    for program, *flags in readers:
        done = subprocess.run([program, *flags, str(file)], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (program, done.stderr)


def test_the_answer_says_its_size_and_tag(emil: Visitor, taken: str, whole: bytes) -> None:
    headers = fetch(emil, taken).headers
    assert headers["content-length"] == str(len(whole))
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"].startswith('"')
    assert headers["content-type"] == "application/zip"
    assert headers["content-disposition"].startswith('attachment; filename="recordings-')
    assert fetch(emil, taken, **{"if-none-match": headers["etag"]}).status == 304


def test_every_range_is_that_part_of_the_whole(emil: Visitor, taken: str, whole: bytes) -> None:
    chance, size = random.Random(5), len(whole)
    spans = [(0, 0), (size - 1, size - 1), (size - 100_000, size - 1), (0, size - 1), (size - 30_000, size - 20_000)]
    for _ in range(60):
        start = chance.randrange(size)
        spans.append((start, min(start + chance.choice([0, 1, 100, 5_000, 3_000_000]), size - 1)))
    for start, last in spans:
        reply = fetch(emil, taken, range=f"bytes={start}-{last}")
        assert reply.status == 206
        assert reply.headers["content-range"] == f"bytes {start}-{last}/{size}"
        assert reply.body == whole[start : last + 1], (start, last)
    assert fetch(emil, taken, range="bytes=-10").body == whole[-10:]
    assert fetch(emil, taken, range=f"bytes={size}-").status == 416


def test_a_range_of_other_bytes_is_the_whole(emil: Visitor, taken: str, whole: bytes) -> None:
    reply = fetch(emil, taken, **{"range": "bytes=5-9", "if-range": '"another"'})
    assert (reply.status, len(reply.body)) == (200, len(whole))


def test_curl_resumes_it(server: Server, emil: Visitor, taken: str, whole: bytes, tmp_path: Path) -> None:
    file = tmp_path / "taken.zip"
    file.write_bytes(whole[: len(whole) // 3])
    url = f"http://{server.host}/console/take/zip?{taken}"
    cookie = f"ccfs_session={emil.cookies['ccfs_session']}"
    command = ["curl", "-sS", "-f", "--noproxy", "*", "-C", "-", "-o", str(file), "-b", cookie, url]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert file.read_bytes() == whole


def test_a_killed_server_changes_nothing_in_what_comes_after(tmp_path: Path) -> None:
    with a_hall(tmp_path) as hall:
        emil = Visitor(server=hall.server)
        emil.sign_in("emil")
        query = ask(emil, **all_of(hall.floor.place), place=hall.floor.place)
        ready(emil, query)
        expected = fetch(emil, query)
        first = begun(emil, query, 3_000_000, lambda: kill(hall.server))
    with serving(tmp_path, lock_failures=0) as server:
        emil = replace(emil, server=server)
        more = {"range": f"bytes={len(first)}-", "if-range": expected.headers["etag"]}
        rest = fetch(emil, query, **more)
    assert rest.status == 206
    assert len(first) < len(expected.body)
    assert hashlib.sha256(first + rest.body).digest() == hashlib.sha256(expected.body).digest()


def begun(visitor: Visitor, query: str, least: int, then: object) -> bytes:
    """What comes of a download until something happens after its first bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", visitor.server.port, timeout=20)
    headers = {"cookie": f"ccfs_session={visitor.cookies['ccfs_session']}", "host": visitor.server.host}
    connection.request("GET", f"/console/take/zip?{query}", headers=headers)
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
    server: Server, emil: Visitor, hall: Hall, taken: str, whole: bytes
) -> None:
    node, tape = server.node, hall.tapes[-1]
    moved = node.disk.write(f"{tape.blob.key}-moved", [path_of(node, tape.blob).read_bytes()])
    with node.database.write_transaction() as connection:
        mine = RECORDINGS.c.file_name == tape.file_name
        connection.execute(RECORDINGS.update().where(mine).values(key=moved.key))
        assert recordings.find_by_name(connection, hall.floor.acme, tape.file_name)
    node.disk.delete(tape.blob.key)
    assert fetch(emil, taken).body == whole


def test_a_copy_in_another_location_is_served_where_the_first_is_gone(
    server: Server, emil: Visitor, hall: Hall, taken: str, whole: bytes, tmp_path: Path
) -> None:
    tape, node = hall.tapes[20], server.node
    file = path_of(node, tape.blob)
    kept = file.read_bytes()
    DiskLocation("7", tmp_path).write(tape.blob.key, [kept])
    with node.database.write_transaction() as connection:
        locations.add(connection, LocationConfig(id="7", kind=LocationKind.DISK, root=str(tmp_path), created_at=BEGIN))
    file.unlink()
    try:
        assert fetch(emil, taken).body == whole
    finally:
        file.write_bytes(kept)


@pytest.mark.parametrize("harm", ["gone", "longer", "shorter"])
def test_a_recording_that_is_lost_meanwhile_ends_the_connection_and_never_gives_other_bytes(
    server: Server, emil: Visitor, hall: Hall, taken: str, whole: bytes, harm: str
) -> None:
    tape = hall.tapes[30]
    file, kept = path_of(server.node, tape.blob), path_of(server.node, tape.blob).read_bytes()
    changed = {"longer": kept + b"x", "shorter": kept[:-1]}
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(changed[harm])
    try:
        found = begun(emil, taken, 1, lambda: None)
        assert len(found) < len(whole)
        assert whole.startswith(found)
        at = whole.index(kept)
        assert fetch(emil, taken, range=f"bytes={at + 5}-{at + 50}").status == 500
        before = fetch(emil, taken, range=f"bytes=0-{at // 2}")
        assert (before.status, before.body) == (206, whole[: at // 2 + 1])
    finally:
        file.write_bytes(kept)
    assert fetch(emil, taken).body == whole


def test_what_is_ticked_is_what_is_in_it(emil: Visitor, hall: Hall) -> None:
    query = ask(emil, hall.floor.place, **{"call.1": "1700001000-1", "call.2": "1700001000-2"})
    ready(emil, query)
    with zipfile.ZipFile(io.BytesIO(fetch(emil, query).body)) as archive:
        assert [row["call_id"] for row in rows(archive, "index.csv")] == ["1700001000-1", "1700001000-2"]


def test_nothing_ticked_is_said(emil: Visitor, hall: Hall) -> None:
    reply = emil.post("/console/takes", **{"in": hall.floor.place, "when": "30"})
    assert (reply.status, "No call was ticked." in text_of(reply)) == (400, True)


def test_it_is_nobody_else_s(server: Server, emil: Visitor, hall: Hall, taken: str) -> None:
    for name in ("lucy", "olga", "anna", "audrey", "basil", "nick"):
        visitor = Visitor(server=server)
        visitor.sign_in(name)
        nothing = text_of(visitor.get("/console/nothing"))
        for door in (f"/console/take?{taken}", f"/console/take/zip?{taken}"):
            reply = visitor.get(door)
            assert (reply.status, text_of(reply)) == (404, nothing), (name, door)
        assert taken.partition("id=")[2] not in visitor.get("/console/takes").body.decode()
    number = taken.partition("id=")[2]
    for other in (f"{hall.floor.acme.ak}/acme-other", f"{hall.floor.bolt.ak}/bolt-account", "x/y"):
        assert emil.get(f"/console/take/zip?in={other}&id={number}").status == 404


def test_its_maker_alone_deletes_it_and_the_recordings_stay(server: Server, emil: Visitor, hall: Hall) -> None:
    query = ask(emil, hall.floor.place, **{"call.1": "1700000000-1"})
    assert "Delete this zip" in ready(emil, query)
    for name in ("lucy", "olga", "anna"):
        visitor = Visitor(server=server)
        visitor.sign_in(name)
        assert visitor.post(f"/console/take?{query}").status == 404
    assert emil.post(f"/console/take?{query}", csrf="x").status == 403
    before = heard(fetch(emil, query).body)
    assert emil.post(f"/console/take?{query}").headers["location"] == "/console/takes"
    assert [emil.get(f"/console/{page}?{query}").status for page in ("take", "take/zip")] == [404, 404]
    assert emil.post(f"/console/take?{query}").status == 404
    ready(emil, again := ask(emil, hall.floor.place, **{"call.1": "1700000000-1"}))
    assert heard(fetch(emil, again).body) == before != []
    with server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT actor, target FROM audit_log WHERE action = 'selection_dropped'"
        ).all()
    assert [tuple(row) for row in told] == [("emil", query.partition("id=")[2])]


def test_only_calls_of_the_account_come_along(emil: Visitor, hall: Hall) -> None:
    query = ask(
        emil, hall.floor.place, **{"call.1": "1700000000-7", "call.2": "1700000000-1"}
    )  # the first is another's
    ready(emil, query)
    with zipfile.ZipFile(io.BytesIO(fetch(emil, query).body)) as archive:
        assert [row["call_id"] for row in rows(archive, "index.csv")] == ["1700000000-1"]


def test_who_may_only_listen_takes_nothing(server: Server, hall: Hall) -> None:
    lucy = Visitor(server=server)
    lucy.sign_in("lucy")
    assert lucy.post("/console/takes", **all_of(hall.floor.place)).status == 404
    assert lucy.get(f"/console/calls/csv?in={hall.floor.place}").status == 404
    page = lucy.get(f"/console/calls?in={hall.floor.place}").body
    assert b"/console/takes" not in page
    assert b'type="checkbox"' not in page


def test_the_log_tells_who_asked_and_who_took(server: Server, emil: Visitor, hall: Hall, taken: str) -> None:
    fetch(emil, taken, range="bytes=0-9")
    fetch(emil, taken, range="bytes=10-19")
    with server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT actor, account_id, action FROM audit_log WHERE target LIKE ? ORDER BY id",
            (f"{taken.partition('id=')[2]}%",),
        ).all()
    assert told[0] == ("emil", "acme-account", "selection_asked")
    assert set(told[1:]) == {("emil", "acme-account", "selection_taken")}

"""Rereading source files by the ingest page: files, files rotated from them, index files, and files that cannot be reread."""

import gzip
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run_ccfs
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient
from tests.ingest.ingest_site import OLD_TIMESTAMP, make_wav
from tests.ingest.tables.switch_database import FREEPBX_CDR, build_row, create_mariadb_tables, with_password
from tests.mariadb import MariaDbServer
from tests.server.ccfs_server import CcfsServer
from tests.switches.test_ccfs import CALL_ROW

GOOD_LINE = (
    '"","0123","600","ctx","x","SIP/a-1","SIP/b-1","Dial","x","2024-01-15 10:00:00","2024-01-15 10:00:05",'
    '"2024-01-15 10:01:00",60,55,"ANSWERED","DOCUMENTATION","1705312800.{}",""\n'
)
INGEST_PAGE = "/console/ingest"


class SwitchFiles:
    """Files of a switch of bolt, and the operator's requests."""

    def __init__(self, console: CcfsServer, call_centre: CallCentreData, olga: ConsoleClient, folder: Path) -> None:
        self.cdr, self.olga, self.app, self.folder = folder / "Master.csv", olga, call_centre.bolt.ak, folder
        self.is_local, chosen = console.node.database.is_sqlite, console.node.settings
        self._options = {"CCFS_DATA": str(chosen.data), "CCFS_SETTLE_SECONDS": "0"}
        self._options |= {} if self.is_local else {"CCFS_DATABASE_URL": str(chosen.database_url)}

    def ingest(self, *command: str | Path) -> dict[str, Any]:
        """Run a pass of ingest."""
        usual = ("asterisk", "--account", "bolt-account", "--vdn", "8", "--cdr", self.cdr)
        words = ("ingest", *(command or usual), "--app", self.app, "--json")
        found: dict[str, Any] = run_ccfs(*words, settings=self._options).json
        return found

    def rotate(self, *, packs: bool = False) -> None:
        """Rotate a file as logrotate does, which keeps the time of a file that it compresses."""
        old = self.cdr.with_name("Master.csv.1")
        if old.exists() and packs:
            status, packed = old.stat(), self.cdr.with_name("Master.csv.2.gz")
            packed.write_bytes(gzip.compress(old.read_bytes()))
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.cdr.rename(old)
        self.cdr.touch()

    def request_reread(self, file: Path | str) -> int:
        """Request a reread by the form. Return the status."""
        return self.olga.post(f"{INGEST_PAGE}/reread", app=self.app, file=str(file)).status

    @property
    def ingest_page(self) -> str:
        return self.olga.get(INGEST_PAGE).body.decode()

    @property
    def offered_files(self) -> set[str]:
        """The files of the folder that the page has a reread button for."""
        return {
            file for file in re.findall(r'name="file" value="([^"]*)"', self.ingest_page) if str(self.folder) in file
        }


@pytest.fixture
def switch_files(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, tmp_path: Path
) -> Iterator[SwitchFiles]:
    yield SwitchFiles(console_server, call_centre, signed_in("olga"), tmp_path)
    with console_server.node.database.write_transaction() as connection:
        for table in ("source_cursors", "source_files", "ingest_errors"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql(
            f"DELETE FROM cdrs WHERE app = {call_centre.bolt.id} AND caller_no IN ('0123', '600')"
        )


def test_a_reread_file_adds_no_line_twice(switch_files: SwitchFiles) -> None:
    switch_files.cdr.write_text(GOOD_LINE.format(1) + "half a li<script>ne\n" + GOOD_LINE.format(2))
    first = switch_files.ingest()
    assert (first["cdrs"], first["refused_count"]) == (2, 1)
    assert "half a li&lt;script&gt;ne" in switch_files.ingest_page
    switch_files.cdr.write_text(
        GOOD_LINE.format(1) + GOOD_LINE.format(3) + GOOD_LINE.format(2)
    )  # the operator has mended the line in its place
    assert "Backlog" in switch_files.ingest_page
    assert switch_files.offered_files == {str(switch_files.cdr)}
    assert switch_files.request_reread(switch_files.cdr) == 303
    assert "half a li" not in switch_files.ingest_page
    assert "Waiting for next pass" in switch_files.ingest_page
    assert "1 file is waiting for re-ingest: its lines are not counted." in switch_files.ingest_page
    assert switch_files.offered_files == set()  # once is enough
    second = switch_files.ingest()
    assert (second["cdrs"], second["known"], second["refused_count"]) == (1, 2, 0)
    assert "Waiting for next pass" not in switch_files.ingest_page
    assert switch_files.request_reread(switch_files.cdr) == 303
    assert {name: switch_files.ingest()[name] for name in ("cdrs", "refused_count")} == {"cdrs": 0, "refused_count": 0}
    assert f"Requested re-ingest of a file {switch_files.cdr}" in switch_files.olga.get_text("/console/audit")


def test_files_rotated_since_are_reread_with_their_source_file(switch_files: SwitchFiles) -> None:
    ancient = switch_files.folder / "Master.csv.7"
    ancient.write_text(GOOD_LINE.format(9))
    os.utime(ancient, (1e9, 1e9))  # rotated before ingest began: nobody took it in, so nobody wants it again
    switch_files.cdr.write_text(GOOD_LINE.format(1) + "no line\n")
    assert switch_files.ingest()["refused_count"] == 1
    switch_files.rotate()
    switch_files.cdr.write_text(GOOD_LINE.format(2))
    switch_files.ingest()
    (switch_files.folder / "Master.csv.1").write_text(GOOD_LINE.format(1) + GOOD_LINE.format(3))
    assert "Rotated files included: Master.csv.1<" in switch_files.ingest_page
    assert switch_files.request_reread(switch_files.cdr) == 303
    added = switch_files.ingest()
    assert (added["cdrs"], added["known"], added["refused_count"]) == (1, 2, 0)
    assert "no line" not in switch_files.ingest_page


def test_a_rejected_line_of_a_rotated_file_belongs_to_its_source_file(switch_files: SwitchFiles) -> None:
    switch_files.cdr.write_text(GOOD_LINE.format(1))
    switch_files.ingest()
    with switch_files.cdr.open("a") as file:
        file.write("written late\n")
    switch_files.rotate()
    switch_files.cdr.write_text(GOOD_LINE.format(2))
    [refused] = switch_files.ingest()["refused"]
    assert refused["file"].endswith("Master.csv.1")
    assert "written late" in switch_files.ingest_page
    assert switch_files.offered_files == {str(switch_files.cdr)}
    assert switch_files.request_reread(switch_files.cdr) == 303
    assert "written late" not in switch_files.ingest_page
    assert switch_files.ingest()["refused_count"] == 1  # it was not mended, so it is there again
    assert "written late" in switch_files.ingest_page


def test_a_rotated_file_in_an_unreadable_compression_is_named_and_a_gzip_is_reread(switch_files: SwitchFiles) -> None:
    switch_files.cdr.write_text(GOOD_LINE.format(1) + "no line\n")
    switch_files.ingest()
    for number in (2, 3):
        switch_files.rotate(packs=True)
        switch_files.cdr.write_text(GOOD_LINE.format(number))
        switch_files.ingest()
    assert "Not re-ingested because compressed" not in switch_files.ingest_page
    packed = switch_files.folder / "Master.csv.2.gz"
    packed.rename(switch_files.folder / "Master.csv.2.lz4")
    assert "Not re-ingested because compressed: Master.csv.2.lz4." in switch_files.ingest_page
    assert (
        "已压缩，不会重新采集：Master.csv.2.lz4"
        in switch_files.olga.get(INGEST_PAGE, **{"accept-language": "zh"}).body.decode()
    )
    (switch_files.folder / "Master.csv.2.lz4").unlink()
    packed.write_bytes(gzip.compress((GOOD_LINE.format(1) + GOOD_LINE.format(4)).encode()))
    assert switch_files.request_reread(switch_files.cdr) == 303
    assert switch_files.ingest()["cdrs"] == 1


def test_a_missing_file_is_reported_and_has_no_reread_button(switch_files: SwitchFiles) -> None:
    switch_files.cdr.write_text(GOOD_LINE.format(1) + "no line\n")
    switch_files.ingest()
    switch_files.cdr.unlink()
    if switch_files.is_local:
        assert "File not found" in switch_files.ingest_page
        assert "文件不存在" in switch_files.olga.get(INGEST_PAGE, **{"accept-language": "zh"}).body.decode()
        assert switch_files.offered_files == set()
        assert switch_files.request_reread(switch_files.cdr) == 400
        assert "no line" in switch_files.ingest_page  # nothing was forgotten
    else:  # it may lie on the machine of another ingest: then the page says that nobody has read it yet
        assert switch_files.offered_files == {str(switch_files.cdr)}
        assert switch_files.request_reread(switch_files.cdr) == 303
        assert "Waiting for next pass" in switch_files.ingest_page


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_index_file_is_reread_in_its_zip_too(switch_files: SwitchFiles, is_packed: bool) -> None:
    row = CALL_ROW.replace("acme", "bolt-account").replace(",17,", ",8,").replace("02079460111", "0123")
    file = switch_files.folder / ("call.zip" if is_packed else "call.csv")

    def leave(text: str) -> None:
        if is_packed:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("20180904_call_1.csv", text)
        else:
            file.write_text(text)

    leave(f"{row}\n{row.replace(',8,', ',88,')}\n")
    assert switch_files.ingest("ccfs", file)["refused_count"] == 1
    assert "VDN 88 is not of account bolt-account" in switch_files.ingest_page
    [name] = switch_files.offered_files
    assert name.startswith(str(file))
    assert switch_files.request_reread(name) == 303
    assert "VDN 88" not in switch_files.ingest_page
    assert f"To be re-ingested on the next pass: {file}" in switch_files.olga.get_text(INGEST_PAGE)
    leave(f"{row}\n{row.replace('-67110003', '-67110004')}\n")
    added = switch_files.ingest("ccfs", file)
    assert (added["cdrs"], added["known"], added["refused_count"]) == (1, 1, 0)
    assert "To be re-ingested" not in switch_files.ingest_page


def test_a_recording_without_a_call_is_retried_by_every_pass(switch_files: SwitchFiles) -> None:
    switch_files.cdr.write_text(GOOD_LINE.format(1))
    (switch_files.folder / "audio").mkdir()
    orphan = switch_files.folder / "audio" / "1600000000.1.wav"
    orphan.write_bytes(make_wav(1))
    os.utime(orphan, (OLD_TIMESTAMP, OLD_TIMESTAMP))  # longer ago than a call is waited for
    broken = switch_files.folder / "audio" / "1705312800.1.wav"
    broken.write_bytes(b"no audio")
    usual = ("asterisk", "--account", "bolt-account", "--vdn", "8", "--cdr", switch_files.cdr)
    command = (*usual, "--recordings", switch_files.folder / "audio")
    assert switch_files.ingest(*command)["refused_count"] == 2
    assert "Retried on every pass" in switch_files.ingest_page
    assert switch_files.offered_files == {str(switch_files.cdr), str(broken)}
    assert switch_files.request_reread(orphan) == 400
    assert switch_files.request_reread(broken) == 303
    assert str(broken) not in switch_files.offered_files
    assert switch_files.ingest(*command)["refused_count"] == 1
    assert str(broken) in switch_files.offered_files


def test_only_an_ingested_file_can_be_reread(signed_in: SignIn, call_centre: CallCentreData) -> None:
    assert signed_in("olga").post(f"{INGEST_PAGE}/reread", app=call_centre.bolt.ak, file="/etc/passwd").status == 400
    for name in ("anna", "lucy"):
        assert signed_in(name).post(f"{INGEST_PAGE}/reread", app=call_centre.acme.ak, file="x").status == 404


def test_a_table_is_reread_from_its_first_row(switch_files: SwitchFiles, mariadb_server: MariaDbServer) -> None:
    with create_mariadb_tables(mariadb_server, FREEPBX_CDR) as tables:
        tables.insert("cdr", build_row(0, src="0123", dst="600"), build_row(1, src="0123", disposition="PERHAPS"))
        url, name = with_password(tables.url, tables.password), tables.url.replace("reader@", "") + "/cdr"
        command = ("asterisk", "--account", "bolt-account", "--vdn", "8", "--cdr", url)
        first = switch_files.ingest(*command)
        assert (first["cdrs"], first["refused_count"]) == (1, 1)
        page = switch_files.ingest_page
        assert f'name="file" value="{name}"' in page
        assert "File not found" not in page
        assert tables.password not in page
        tables.execute("UPDATE cdr SET disposition = 'BUSY' WHERE sequence = 1")
        assert switch_files.request_reread(name) == 303
        second = switch_files.ingest(*command)
    assert (second["cdrs"], second["known"], second["refused_count"]) == (1, 1, 0)
    assert "PERHAPS" not in switch_files.ingest_page

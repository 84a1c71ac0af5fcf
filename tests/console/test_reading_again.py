"""Having ingest read a file again, by the page: the file itself, what was rotated from it, CC-FS's own files; and what cannot be."""

import gzip
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ccfs
from tests.console.conftest import Enter
from tests.console.floor import Floor
from tests.console.visitor import Visitor
from tests.switches.test_ccfs import CALL_ROW
from tests.web.serving import Server
from tests.work.ingest.given import OLD, sound

GOOD = (
    '"","0123","600","ctx","x","SIP/a-1","SIP/b-1","Dial","x","2024-01-15 10:00:00","2024-01-15 10:00:05",'
    '"2024-01-15 10:01:00",60,55,"ANSWERED","DOCUMENTATION","1705312800.{}",""\n'
)
INDEX = "/console/ingest"


class Switch:
    """A switch of bolt's, and what the operator does about it."""

    def __init__(self, console: Server, floor: Floor, olga: Visitor, folder: Path) -> None:
        self.cdr, self.olga, self.app, self.folder = folder / "Master.csv", olga, floor.bolt.ak, folder
        self.is_local, chosen = console.node.database.is_sqlite, console.node.settings
        self._given = {"CCFS_DATA": str(chosen.data), "CCFS_SETTLE_SECONDS": "0"}
        self._given |= {} if self.is_local else {"CCFS_DATABASE_URL": str(chosen.database_url)}

    def ingest(self, *command: str | Path) -> dict[str, Any]:
        """A pass."""
        usual = ("asterisk", "--account", "bolt-account", "--vdn", "8", "--cdr", self.cdr)
        words = ("ingest", *(command or usual), "--app", self.app, "--json")
        found: dict[str, Any] = ccfs(*words, settings=self._given).json
        return found

    def rotate(self, *, packs: bool = False) -> None:
        """As logrotate does, which keeps the time of a file that it compresses."""
        old = self.cdr.with_name("Master.csv.1")
        if old.exists() and packs:
            status, packed = old.stat(), self.cdr.with_name("Master.csv.2.gz")
            packed.write_bytes(gzip.compress(old.read_bytes()))
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.cdr.rename(old)
        self.cdr.touch()

    def again(self, file: Path | str) -> int:
        """Ask for a file by the form; the status."""
        return self.olga.post(f"{INDEX}/again", app=self.app, file=str(file)).status

    @property
    def page(self) -> str:
        return self.olga.get(INDEX).body.decode()

    @property
    def offered(self) -> set[str]:
        """The files of its folder that the page offers to read again."""
        return {one for one in re.findall(r'name="file" value="([^"]*)"', self.page) if str(self.folder) in one}


@pytest.fixture
def switch(enter: Enter, console: Server, floor: Floor, tmp_path: Path) -> Iterator[Switch]:
    yield Switch(console, floor, enter("olga"), tmp_path)
    with console.node.database.write_transaction() as connection:
        for table in ("source_cursors", "source_files", "refusals"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql(f"DELETE FROM cdrs WHERE app = {floor.bolt.id} AND caller_no IN ('0123', '600')")


def test_a_file_is_read_again_and_nothing_comes_twice(switch: Switch) -> None:
    switch.cdr.write_text(GOOD.format(1) + "half a li<script>ne\n" + GOOD.format(2))
    first = switch.ingest()
    assert (first["cdrs"], first["refused_count"]) == (2, 1)
    assert "half a li&lt;script&gt;ne" in switch.page
    switch.cdr.write_text(
        GOOD.format(1) + GOOD.format(3) + GOOD.format(2)
    )  # the operator has mended the line in its place
    assert "Behind" in switch.page
    assert switch.offered == {str(switch.cdr)}
    assert switch.again(switch.cdr) == 303
    assert "half a li" not in switch.page
    assert "Waits for a pass" in switch.page
    assert switch.offered == set()  # once is enough
    second = switch.ingest()
    assert (second["cdrs"], second["known"], second["refused_count"]) == (1, 2, 0)
    assert "Waits for a pass" not in switch.page
    assert switch.again(switch.cdr) == 303
    assert {name: switch.ingest()[name] for name in ("cdrs", "refused_count")} == {"cdrs": 0, "refused_count": 0}
    assert f"Had ingest read a file again {switch.cdr}" in switch.olga.text("/console/audit")


def test_what_was_rotated_since_is_read_again_with_its_file(switch: Switch) -> None:
    ancient = switch.folder / "Master.csv.7"
    ancient.write_text(GOOD.format(9))
    os.utime(ancient, (1e9, 1e9))  # rotated before ingest began: nobody took it in, so nobody wants it again
    switch.cdr.write_text(GOOD.format(1) + "no line\n")
    assert switch.ingest()["refused_count"] == 1
    switch.rotate()
    switch.cdr.write_text(GOOD.format(2))
    switch.ingest()
    (switch.folder / "Master.csv.1").write_text(GOOD.format(1) + GOOD.format(3))
    assert "Read again with it: Master.csv.1<" in switch.page
    assert switch.again(switch.cdr) == 303
    added = switch.ingest()
    assert (added["cdrs"], added["known"], added["refused_count"]) == (1, 2, 0)
    assert "no line" not in switch.page


def test_a_line_that_was_refused_in_a_rotated_file_is_its_source_s(switch: Switch) -> None:
    switch.cdr.write_text(GOOD.format(1))
    switch.ingest()
    with switch.cdr.open("a") as file:
        file.write("written late\n")
    switch.rotate()
    switch.cdr.write_text(GOOD.format(2))
    [refused] = switch.ingest()["refused"]
    assert refused["file"].endswith("Master.csv.1")
    assert "written late" in switch.page
    assert switch.offered == {str(switch.cdr)}
    assert switch.again(switch.cdr) == 303
    assert "written late" not in switch.page
    assert switch.ingest()["refused_count"] == 1  # it was not mended, so it is there again
    assert "written late" in switch.page


def test_what_was_compressed_is_named_and_read_once_it_is_unpacked(switch: Switch) -> None:
    switch.cdr.write_text(GOOD.format(1) + "no line\n")
    switch.ingest()
    for number in (2, 3):
        switch.rotate(packs=True)
        switch.cdr.write_text(GOOD.format(number))
        switch.ingest()
    assert "Compressed, so not read again: Master.csv.2.gz." in switch.page
    assert "已压缩，不会重新读取：Master.csv.2.gz" in switch.olga.get(INDEX, **{"accept-language": "zh"}).body.decode()
    unpacked = switch.folder / "Master.csv.2"
    unpacked.write_text(GOOD.format(1) + GOOD.format(4))
    (switch.folder / "Master.csv.2.gz").unlink()
    assert switch.again(switch.cdr) == 303
    assert switch.ingest()["cdrs"] == 1


def test_a_file_that_is_gone_is_called_so_and_no_button_is_offered(switch: Switch) -> None:
    switch.cdr.write_text(GOOD.format(1) + "no line\n")
    switch.ingest()
    switch.cdr.unlink()
    if switch.is_local:
        assert "The file is gone" in switch.page
        assert "文件已不存在" in switch.olga.get(INDEX, **{"accept-language": "zh"}).body.decode()
        assert switch.offered == set()
        assert switch.again(switch.cdr) == 400
        assert "no line" in switch.page  # nothing was forgotten
    else:  # it may lie on the machine of another ingest: then the page says that nobody has read it yet
        assert switch.offered == {str(switch.cdr)}
        assert switch.again(switch.cdr) == 303
        assert "Waits for a pass" in switch.page


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_index_of_ccfs_is_read_again_in_its_zip_too(switch: Switch, is_packed: bool) -> None:
    row = CALL_ROW.replace("acme", "bolt-account").replace(",17,", ",8,").replace("02079460111", "0123")
    file = switch.folder / ("call.zip" if is_packed else "call.csv")

    def leave(text: str) -> None:
        if is_packed:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("20180904_call_1.csv", text)
        else:
            file.write_text(text)

    leave(f"{row}\n{row.replace(',8,', ',88,')}\n")
    assert switch.ingest("ccfs", file)["refused_count"] == 1
    assert "VDN 88 is not of account bolt-account" in switch.page
    [name] = switch.offered
    assert name.startswith(str(file))
    assert switch.again(name) == 303
    assert "VDN 88" not in switch.page
    assert f"To be read again by the next pass over it: {file}" in switch.olga.text(INDEX)
    leave(f"{row}\n{row.replace('-67110003', '-67110004')}\n")
    added = switch.ingest("ccfs", file)
    assert (added["cdrs"], added["known"], added["refused_count"]) == (1, 1, 0)
    assert "To be read again" not in switch.page


def test_a_recording_without_a_call_is_tried_by_every_pass(switch: Switch) -> None:
    switch.cdr.write_text(GOOD.format(1))
    (switch.folder / "audio").mkdir()
    orphan = switch.folder / "audio" / "1600000000.1.wav"
    orphan.write_bytes(sound(1))
    os.utime(orphan, (OLD, OLD))  # longer ago than a call is waited for
    broken = switch.folder / "audio" / "1705312800.1.wav"
    broken.write_bytes(b"no audio")
    usual = ("asterisk", "--account", "bolt-account", "--vdn", "8", "--cdr", switch.cdr)
    command = (*usual, "--recordings", switch.folder / "audio")
    assert switch.ingest(*command)["refused_count"] == 2
    assert "Every pass tries it" in switch.page
    assert switch.offered == {str(switch.cdr), str(broken)}
    assert switch.again(orphan) == 400
    assert switch.again(broken) == 303
    assert str(broken) not in switch.offered
    assert switch.ingest(*command)["refused_count"] == 1
    assert str(broken) in switch.offered


def test_only_what_was_read_can_be_read_again(enter: Enter, floor: Floor) -> None:
    assert enter("olga").post(f"{INDEX}/again", app=floor.bolt.ak, file="/etc/passwd").status == 400
    for name in ("anna", "lucy"):
        assert enter(name).post(f"{INDEX}/again", app=floor.acme.ak, file="x").status == 404

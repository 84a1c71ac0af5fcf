"""A file that is emptied while it is read (copytruncate): no line is made of old and new bytes, and none is read as another's."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccfs.ingest.files.contents.compression import open_source
from ccfs.ingest.files.line_reader import read_batches
from ccfs.ingest.files.rotation.recognition import FileChanged
from ccfs.model.source_files import FilePosition

OLD = "".join(f"old line {number}\n" for number in range(5))
NEW = "".join(f"a new and longer line {number}\n" for number in range(50))


@dataclass
class EmptyingFormat:
    """A format of lines that empties the file, and writes other lines to it, while a certain line is looked at."""

    path: Path
    line: bytes
    new_text: str = NEW

    def is_open(self, line: bytes) -> bool:
        if line == self.line:
            self.path.write_text(self.new_text)
        return False

    def is_record(self, line: bytes) -> bool:
        return bool(line)

    def describe(self) -> str:
        return ""


def test_a_file_that_was_emptied_after_it_was_opened_has_its_new_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(OLD)
    with open_source(path) as source:
        os.truncate(path, 0)
        path.write_text(NEW)
        [batch] = read_batches(source.file, FilePosition(), path, whole_tail=False)
    assert [line for _, line in batch.lines] == NEW.encode().splitlines(keepends=True)
    assert batch.end.offset == len(NEW)


@pytest.mark.parametrize("number", range(5))
def test_a_file_that_is_emptied_between_two_lines_is_read_again(tmp_path: Path, number: int) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(OLD)
    emptying = EmptyingFormat(path, f"old line {number}\n".encode())
    with open_source(path) as source, pytest.raises(FileChanged):
        list(read_batches(source.file, FilePosition(), path, whole_tail=False, line_format=emptying))


def test_a_first_line_that_two_files_share_does_not_join_them(tmp_path: Path) -> None:
    path, header = tmp_path / "Master.csv", "calldate,src,dst\n"
    path.write_text(header + OLD)
    emptying = EmptyingFormat(path, b"old line 1\n", header + NEW)
    with open_source(path) as source, pytest.raises(FileChanged):
        for _ in read_batches(source.file, FilePosition(), path, whole_tail=True, line_format=emptying):
            pass


def test_the_rest_of_a_line_without_a_line_end_is_compared_too(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text("begin of a line that")
    with open_source(path) as source:
        batches = read_batches(source.file, FilePosition(), path, whole_tail=True)
        [batch] = batches
    assert (batch.lines, batch.end.offset) == ([(1, b"begin of a line that")], 0)


def test_odd_lines_are_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    data = b"a\r\n\r\n\r\n\n\nb\0\0\0\0c\n" + b"x" * 200_000 + b"\n\n\nlast\r\n"
    path.write_bytes(data)
    with open_source(path) as source:
        [batch] = read_batches(source.file, FilePosition(), path, whole_tail=False)
    assert batch.end.offset == len(data)
    assert [line[:6] for _, line in batch.lines] == [b"a\r\n", b"\r\n", b"b\0c\n", b"xxxxxx", b"\n", b"last\r\n"]

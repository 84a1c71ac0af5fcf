"""Disk locations beyond the contract: crashes, full disks, planted links, temporary files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.model.blobs.errors import BlobNotFound
from tests.db.child_processes import ROOT

KEY = "7/rec/20260504/one.wav"
ENVIRONMENT = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
FULL_DISK_PROGRAM = """
import resource, sys
from pathlib import Path
from ccfs.blobs.disk import DiskLocation

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
disk = DiskLocation("0", Path(sys.argv[1]))
disk.write("small", [b"fits"])
try:
    disk.write(sys.argv[2], (bytes(50_000) for _ in range(20)))
except OSError as error:
    print(type(error).__name__, error.errno)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The root of the location."""
    return tmp_path / "files"


@pytest.fixture
def disk(folder: Path) -> DiskLocation:
    """An empty disk location."""
    return DiskLocation("0", folder)


def list_files(folder: Path) -> list[str]:
    """Return every file, link and pipe below the root, including temporary files."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )


def test_a_process_killed_while_it_writes_leaves_a_whole_file_or_none(folder: Path) -> None:
    command = [sys.executable, "tests/soak/disk_kill.py", str(folder), "20", "7"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["whole"] > 0
    assert counts["partial_uploads_deleted"] > 0  # some were killed during a write


@pytest.mark.parametrize("before", [None, b"the old bytes"])
def test_a_write_to_a_full_disk_fails_and_leaves_no_file(
    disk: DiskLocation, folder: Path, before: bytes | None
) -> None:
    if before:
        disk.write(KEY, [before])
    command = [sys.executable, "-c", FULL_DISK_PROGRAM, str(folder), KEY]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=180)
    assert done.stdout == "OSError 27\n"  # EFBIG
    assert list_files(folder) == ([KEY, "small"] if before else ["small"])
    assert before is None or b"".join(disk.read(KEY)) == before


def test_a_failed_write_leaves_no_temporary_file(disk: DiskLocation, folder: Path) -> None:
    def fail_halfway() -> object:
        yield b"half of it"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        disk.write(KEY, fail_halfway())  # type: ignore[arg-type]
    assert list_files(folder) == []


def test_a_link_in_place_of_the_file_is_not_followed(disk: DiskLocation, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    disk.write(KEY, [b"data"])
    (folder / KEY).unlink()
    (folder / KEY).symlink_to(secret)
    with pytest.raises(BlobNotFound):
        disk.read(KEY)
    with pytest.raises(BlobNotFound):
        disk.get_size(KEY)
    disk.write(KEY, [b"new"])  # replaces the link
    assert secret.read_bytes() == b"secret"
    assert b"".join(disk.read(KEY)) == b"new"
    (folder / KEY).unlink()
    (folder / KEY).symlink_to(secret)
    disk.delete(KEY)
    assert secret.exists()
    assert list_files(folder) == []


@pytest.mark.parametrize("part", ["7", "7/rec", "7/rec/20260504"])
def test_a_link_in_place_of_a_folder_is_not_followed(
    disk: DiskLocation, folder: Path, tmp_path: Path, part: str
) -> None:
    disk.write(KEY, [b"data"])
    elsewhere = tmp_path / "elsewhere"
    (folder / part).rename(elsewhere)
    (folder / part).symlink_to(elsewhere)
    before = list_files(elsewhere)
    with pytest.raises(BlobNotFound):
        disk.read(KEY)
    with pytest.raises(BlobNotFound):
        disk.get_size(KEY)
    with pytest.raises(OSError, match="directory"):
        disk.write(KEY, [b"new"])
    disk.delete(KEY)
    assert list_files(elsewhere) == before
    assert list_files(folder) == [part]


def test_the_root_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "files").symlink_to(tmp_path / "mounted")
    DiskLocation("0", tmp_path / "files").write(KEY, [b"data"])
    assert list_files(tmp_path / "mounted") == [KEY]


def test_a_pipe_in_place_of_the_file_does_not_block(disk: DiskLocation, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(BlobNotFound):
        disk.read("pipe")


def test_only_old_temporary_files_are_deleted(disk: DiskLocation, folder: Path) -> None:
    disk.write(KEY, [b"data"])
    os.utime(folder / KEY, (1, 1))
    for name, age in (("old", 7200), ("young", 600)):
        (folder / ".tmp" / name).write_bytes(b"half")
        at = (folder / ".tmp" / name).stat().st_mtime - age
        os.utime(folder / ".tmp" / name, (at, at))
    assert disk.delete_partial_uploads(3600) == 1
    assert list_files(folder) == [".tmp/young", KEY]


def test_a_temporary_file_that_another_process_renames_is_no_error(disk: DiskLocation, folder: Path) -> None:
    (folder / ".tmp" / "gone").symlink_to(folder / "nowhere")
    os.utime(folder / ".tmp" / "gone", (1, 1), follow_symlinks=False)
    assert disk.delete_partial_uploads(3600) == 1


def test_no_file_descriptor_stays_open(disk: DiskLocation) -> None:
    disk.write(KEY, [b"data"])
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        disk.write(KEY, [b"data"])
        disk.get_size(KEY)
        list(disk.read(KEY))
        with pytest.raises(BlobNotFound):
            disk.read("7/rec")
        disk.delete("nothing/here")
    assert sorted(os.listdir("/proc/self/fd")) == before

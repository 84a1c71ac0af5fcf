"""The long run of disk_kill.py; tests/blobs/test_disk.py has a short one."""

from pathlib import Path

from tests.soak.disk_kill import run

ROUNDS = 5000


def test_no_kill_leaves_an_incomplete_blob(tmp_path: Path) -> None:
    counts = run(tmp_path, ROUNDS, seed=1)
    assert (counts["torn"], counts["unexpected"], counts["temporary_left"]) == (0, 0, 0)
    assert counts["partial_uploads_deleted"] > ROUNDS // 20  # kills during a write

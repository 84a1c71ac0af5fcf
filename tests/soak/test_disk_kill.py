"""The long run of disk_kill.py; scripts/soak runs it, scripts/test a short one (tests/store/test_disk.py)."""

from pathlib import Path

from tests.soak.disk_kill import run

ROUNDS = 5000


def test_no_kill_leaves_anything_torn(tmp_path: Path) -> None:
    counts = run(tmp_path, ROUNDS, seed=1)
    assert (counts["torn"], counts["stray"], counts["left"]) == (0, 0, 0)
    assert counts["swept"] > ROUNDS // 20  # so many were killed in the middle

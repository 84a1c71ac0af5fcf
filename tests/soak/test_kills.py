"""The long run of kills.py: every subject on both databases. The folders of the subjects have short ones."""

from pathlib import Path

import pytest

from tests.soak.kills import DATABASES, KILLS, SUBJECTS, run_all


def test_no_kill_loses_damages_hides_or_orphans_anything(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert KILLS * len(SUBJECTS) * len(DATABASES) >= 1000
    rows = list(run_all(tmp_path, postgres_url, KILLS, seed=1))
    with capsys.disabled():
        print("\n" + "\n".join(row.format() for row in rows))
    assert len(rows) == len(SUBJECTS) * len(DATABASES)
    assert [row for row in rows if not row.is_good(KILLS)] == []

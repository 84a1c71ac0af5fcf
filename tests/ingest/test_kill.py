"""Processes that are killed at random moments leave no partial result. scripts/soak has the long runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import databases
from tests.cli.command import ROOT


def run_soak(module: str, folder: Path, *arguments: object) -> Any:
    """Return the result of a program of tests/soak."""
    command = [sys.executable, "-m", f"tests.soak.{module}", str(folder), *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_an_ingest_that_is_killed_repeatedly_ends_like_one_that_is_not(tmp_path: Path) -> None:
    result = run_soak("ingest_kill", tmp_path, 4, 7)
    assert result["kills"] == 4
    assert result["recordings"] > 80


def test_an_ingest_on_postgresql_that_is_killed_repeatedly_ends_like_one_that_is_not(
    tmp_path: Path, postgres_url: str
) -> None:
    with databases.create_database(postgres_url) as url:
        assert run_soak("ingest_kill", tmp_path, 2, 7, url)["kills"] == 2


def test_acknowledged_uploads_survive_a_server_that_is_killed(tmp_path: Path) -> None:
    assert run_soak("upload_kill", tmp_path, 1, 7)["answered"] > 0


def test_memory_of_an_ingest_does_not_grow_with_its_lines(tmp_path: Path) -> None:
    assert run_soak("million_lines", tmp_path, 8_000, 80)["peak_mb"] < 300

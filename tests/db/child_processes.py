"""Work of other processes in the tests of this folder, one function per task; `run_in_processes` starts them together."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccfs.db.encryption import SecretBox, load_or_create_keys
from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from ccfs.db.system.storage import locations

ROOT = Path(__file__).parents[2]
_FORK = multiprocessing.get_context("fork")  # of a process that has imported everything and opened nothing


def run_in_processes(count: int, task: str, *arguments: object) -> list[Any]:
    """Return the results of `count` processes, which wait for each other to begin. One that fails fails the test."""
    command = [sys.executable, "-m", "tests.db.child_processes", str(count), task, *map(str, arguments)]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


def upgrade_at(url: str) -> list[str]:
    """Upgrade the database. Return its tables afterwards."""
    database = open_database(url)
    upgrade(database)
    with database.read_transaction() as connection:
        return sorted(connection.dialect.get_table_names(connection))


def change_often(url: str, times: str) -> int:
    """Run transactions, each of which reads, pauses and writes. Return how many."""
    database = open_database(url)
    for _ in range(int(times)):
        with database.write_transaction() as connection:
            tenants.CHANGE_COUNTER.get(connection)
            time.sleep(0.001)
            tenants.CHANGE_COUNTER.increment(connection)
    return int(times)


def add_key(url: str, folder: str, ak: str, sk: str) -> bool:
    """Add a key to an existing app."""
    database = open_database(url)
    with database.write_transaction() as connection:
        app = tenants.get_app_by_ak(connection, ak)
        tenants.add_key(connection, app, ak, sk, SecretBox(load_or_create_keys(Path(folder))), datetime.now(UTC))
    return True


def revoke_key(url: str, ak: str, number: str) -> bool:
    """Revoke a key of an app."""
    database = open_database(url)
    with database.write_transaction() as connection:
        tenants.revoke_key(connection, tenants.get_app_by_ak(connection, ak), int(number), datetime.now(UTC))
    return True


def claim_disk(url: str) -> str:
    """Return the location id of a node's disk. Each process is its own node."""
    database = open_database(url)
    with database.write_transaction() as connection:
        return locations.assign_disk_id(connection, f"node {os.getpid()}", datetime.now(UTC))


def node_keys(folder: str) -> list[str]:
    """Return the node's keys, created if they are missing."""
    return list(load_or_create_keys(Path(folder)))


def _run_task(_number: int) -> Any:
    _GATE.wait()
    return globals()[sys.argv[2]](*sys.argv[3:])


if __name__ == "__main__":
    _GATE = _FORK.Barrier(int(sys.argv[1]))
    with _FORK.Pool(int(sys.argv[1])) as pool:
        print(json.dumps(pool.map(_run_task, range(int(sys.argv[1])), chunksize=1)))

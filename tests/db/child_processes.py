"""Work of other processes in the tests of this folder, one function per task; `run_in_processes` starts them together.

They are forks of one process that has imported the program, which takes a second, and has opened nothing.
"""

import atexit
import json
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from ccfs.db.encryption import SecretBox, load_or_create_keys
from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from ccfs.db.system.storage import locations

ROOT = Path(__file__).parents[2]
_FORK = multiprocessing.get_context("fork")  # of a process that has imported everything and opened nothing
TIMEOUT_SECONDS = 120


def run_in_processes(count: int, task: str, *arguments: object) -> list[Any]:
    """Return the results of `count` processes, which wait for each other to begin. One that fails fails the test."""
    parent = _start_parent()
    assert parent.stdin
    assert parent.stdout
    parent.stdin.write(json.dumps({"count": count, "task": task, "arguments": [*map(str, arguments)]}) + "\n")
    parent.stdin.flush()
    answer = json.loads(parent.stdout.readline())
    assert answer["error"] == "", answer["error"]
    results: list[Any] = answer["results"]
    return results


@cache
def _start_parent() -> subprocess.Popen[str]:
    """Start the process that forks; it exits when its standard input ends."""
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-m", "tests.db.child_processes"]
    parent = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(parent.communicate)
    return parent


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


def _run_task(gate: Barrier, task: str, arguments: list[str], results: Connection) -> None:
    gate.wait(TIMEOUT_SECONDS)
    try:
        results.send((globals()[task](*arguments), ""))
    except BaseException:  # noqa: BLE001  its text is the answer
        results.send((None, traceback.format_exc()))


def _fork_for(count: int, task: str, arguments: list[str]) -> dict[str, Any]:
    """Return the results of the forks and the text of their failures."""
    gate, pipes = _FORK.Barrier(count), [_FORK.Pipe(duplex=False) for _ in range(count)]
    children = [_FORK.Process(target=_run_task, args=(gate, task, arguments, writer)) for _, writer in pipes]
    for child in children:
        child.start()
    answers = [
        reader.recv() if reader.poll(TIMEOUT_SECONDS) else (None, f"{task} takes too long") for reader, _ in pipes
    ]
    for child in children:
        child.join(TIMEOUT_SECONDS)
    return {
        "results": [result for result, _ in answers],
        "error": "\n".join(filter(None, (text for _, text in answers))),
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_fork_for(**json.loads(line))), flush=True)

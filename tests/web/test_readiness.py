"""Readiness means what it says: a database that takes writes, a location that stores bytes, and every other check."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy import event

from ccfs import settings
from ccfs.blobs.disk import DiskLocation
from ccfs.db.faults import DatabaseFault
from ccfs.server.node import Node
from ccfs.server.node_status import MAX_AGE_SECONDS, StatusWriter, build_status_path, read_status
from ccfs.server.readiness_checks import KeyCheck, check_free_space
from ccfs.web.readiness import Readiness
from ccfs.workers.pulse import Pulse
from tests.two_tenants import add_app


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node on SQLite, with an app."""
    node = Node(settings.load_settings({}, data=tmp_path))
    add_app(node, "acme", "secret-of-acme-0000000000000000", 1)
    yield node
    node.database.close()


def get_reason(readiness: Readiness) -> str:
    return asyncio.run(readiness.get_not_ready_reason())


def create_readiness(node: Node) -> Readiness:
    return Readiness(node.database, node.disk, node.id)


def test_a_database_that_takes_writes_and_a_location_that_stores_are_ready(node: Node) -> None:
    assert get_reason(create_readiness(node)) == ""


def test_a_database_that_takes_no_writes_is_not_ready_until_it_does(node: Node) -> None:
    def restrict(connection: sa.Connection) -> None:
        connection.connection.driver_connection.execute("PRAGMA query_only = ON")  # type: ignore[union-attr]

    readiness = create_readiness(node)
    event.listen(node.database.engine, "begin", restrict)
    assert get_reason(readiness) == "database is read-only"
    event.remove(node.database.engine, "begin", restrict)
    node.database.close()
    assert get_reason(create_readiness(node)) == ""


def test_damage_that_a_request_has_met_is_a_reason(node: Node) -> None:
    node.database.faults.record(DatabaseFault.DAMAGED, "malformed")
    assert get_reason(create_readiness(node)) == "database is damaged"


def test_a_writer_that_holds_the_lock_for_a_moment_is_no_reason(node: Node) -> None:
    readiness = create_readiness(node)

    async def ask_while_locked() -> list[str]:
        reasons = [await readiness.get_not_ready_reason()]
        with node.database.write_transaction():
            for _ in range(4):
                await asyncio.sleep(1)
                reasons.append(await readiness.get_not_ready_reason())
        return reasons

    assert asyncio.run(ask_while_locked()) == [""] * 5


def test_a_location_that_stores_nothing_is_a_reason(node: Node, tmp_path: Path) -> None:
    gone = DiskLocation("0", tmp_path / "gone")
    readiness = Readiness(node.database, gone, node.id)
    for folder in (tmp_path / "gone" / ".tmp", tmp_path / "gone"):
        folder.rmdir()
    assert get_reason(readiness) == "primary location stores no bytes"


def test_a_result_counts_for_a_second_however_often_it_is_asked_for(node: Node) -> None:
    calls: list[float] = []

    def check() -> str:
        calls.append(time.monotonic())
        return ""

    readiness = Readiness(node.database, node.disk, node.id, [check])

    async def ask() -> None:
        for _ in range(200):
            assert await readiness.get_not_ready_reason() == ""

    asyncio.run(ask())
    assert len(calls) == 1


def test_keys_that_decrypt_nothing_are_a_reason(node: Node) -> None:
    assert KeyCheck(node)() == ""
    other = Node(node.settings.model_copy(update={"node_keys": (Fernet.generate_key().decode(),)}))
    assert KeyCheck(other)() == "node keys do not decrypt the stored secrets"
    other.database.close()


def test_one_key_that_cannot_be_decrypted_is_no_reason(node: Node) -> None:
    other = Node(node.settings.model_copy(update={"node_keys": (Fernet.generate_key().decode(),)}))
    add_app(other, "bolt", "secret-of-bolt-0000000000000000", 2)
    other.database.close()
    assert KeyCheck(node)() == ""


@pytest.mark.parametrize(("megabytes", "reason"), [(0, ""), (1, ""), (1 << 40, "disk is full")])
def test_a_disk_with_too_little_space_is_a_reason(node: Node, megabytes: int, reason: str) -> None:
    other = Node(node.settings.model_copy(update={"min_free_mb": megabytes}))
    assert check_free_space(other) == reason
    other.database.close()


class TestWorkers:
    """Signs of life of the main process's threads reach the web processes."""

    def test_a_thread_that_has_ended_is_named(self) -> None:
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        thread.join()
        assert Pulse("exports", thread).find_fault() == "worker exports has ended"

    def test_a_thread_that_is_silent_for_too_long_is_named_until_it_goes_on(self) -> None:
        pulse = Pulse("heartbeat", threading.current_thread(), max_silence_seconds=60)
        assert pulse.find_fault() == ""
        pulse.beat_at -= 61
        assert pulse.find_fault() == "worker heartbeat is stuck"
        pulse.beat()
        assert pulse.find_fault() == ""

    def test_the_status_has_the_first_reason(self, tmp_path: Path) -> None:
        reasons = ["", "worker exports has ended"]
        writer = StatusWriter(tmp_path, [lambda: reasons[0], lambda: reasons[1]])
        path = next((tmp_path / "status").iterdir())
        assert read_status(path) == "worker exports has ended"
        reasons[1] = ""
        writer()
        assert read_status(path) == ""
        writer.close()
        assert read_status(path) == "workers do not respond"

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"at": "x", "reason": ""}'])
    def test_a_status_that_is_old_or_unreadable_is_a_reason(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "1.json"
        path.write_text(text)
        assert read_status(path) == "workers do not respond"
        path.write_text(f'{{"at": {time.monotonic() - MAX_AGE_SECONDS - 1}, "reason": ""}}')
        assert read_status(path) == "workers do not respond"

    def test_files_of_dead_processes_are_deleted(self, tmp_path: Path) -> None:
        dead = build_status_path(tmp_path, 2**22 + 1)
        dead.parent.mkdir()
        dead.write_text("{}")
        StatusWriter(tmp_path, []).close()
        assert list(dead.parent.iterdir()) == []

"""Signals end every command, even while it waits for a locked database, whichever thread gets them."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.cli.stop_signal import UNWIND_SECONDS
from ccfs.http_server.processes.stop_signals import STOP_SIGNALS
from ccfs.server.node import Node
from tests.server.forked_processes import ForkedProcess
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

PROGRAM = "import os; os.chdir(os.environ['CCFS_DATA']); from ccfs.cli import main; main()"
SLACK_SECONDS = 20  # on a busy machine; SQLite waits for a minute
AK = "ACMEAK0001"
ENDING = {  # commands that a signal ends wherever they are
    "app add": ["app", "add", "Another"],
    "app key add": ["app", "key", "add", "--app", AK],
    "app key reencrypt": ["app", "key", "reencrypt"],
    "app key revoke-unreadable": ["app", "key", "revoke-unreadable", "--yes"],
    "account add": ["account", "add", "--app", AK, "--account", "a", "--vdn", "77"],
    "callback bind": ["callback", "bind", "--app", AK, "http://127.0.0.1:1/"],
    "user add": ["user", "add", "ann", "--role", "operator"],
    "location add": ["location", "add", "5", "--kind", "disk", "--folder", "disk5"],
    "ingest asterisk": ["ingest", "asterisk", "--app", AK, "--account", "acme-account", "--vdn", "4", "--cdr", "Master.csv"],
    "deliveries retry": ["deliveries", "retry", "--app", AK],
    "serve": ["serve", "--listen", "127.0.0.1:0"],
}  # fmt: skip
STOPPING = {  # commands that finish a step first
    "ingest asterisk --watch": [*ENDING["ingest asterisk"], "--watch"],
    "location move": ["location", "move", "--from", "0", "--to", "3"],
}
CDR = (
    '"","02079460001","1001","from-trunk","""A"" <02079460001>","PJSIP/trunk-01","PJSIP/1001-02","Dial","x",'
    '"2026-11-20 10:00:00","2026-11-20 10:00:02","2026-11-20 10:00:20",20,18,"ANSWERED","DOCUMENTATION","1795168800.1",""\n'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two apps and two locations."""
    data = tmp_path_factory.mktemp("signals")
    node = Node(settings.load_settings({}, data=data))
    create_two_tenants(node)
    node.database.close()
    (data / "disk3").mkdir()
    (data / "Master.csv").write_text(CDR)
    run = start(data, ["location", "add", "3", "--kind", "disk", "--folder", "disk3"])
    assert run.wait(120) == 0
    return data


def start(data: Path, arguments: list[str]) -> ForkedProcess:
    """Start a command in the data folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CCFS_")}
    environment |= {"CCFS_DATA": str(data), "PYTHONPATH": str(Path(settings.__file__).parents[2])}
    return ForkedProcess(PROGRAM, arguments, environment, data / "output")


@contextmanager
def locked_database(data: Path) -> Iterator[None]:
    """Hold the write lock of the database until the block ends."""
    node = Node(settings.load_settings({}, data=data))
    with node.database.write_transaction():
        yield
    node.database.close()


@contextmanager
def waiting_commands(
    data: Path, commands: dict[str, list[str]], *, release: bool = False
) -> Iterator[dict[str, ForkedProcess]]:
    """Run commands that wait for the locked database. With `release`, it is locked for half a second more."""
    with ExitStack() as lock:
        lock.enter_context(locked_database(data))
        running = {name: start(data, arguments) for name, arguments in commands.items()}
        try:
            for name, process in running.items():
                wait_until(lambda process=process: process.poll() is not None or is_waiting(process.pid), 60)  # type: ignore[misc]
                assert process.poll() is None, name
            if release:
                threading.Timer(0.5, lock.pop_all().close).start()
            yield running
        finally:
            for process in running.values():
                process.kill()
                process.wait()


def is_waiting(pid: int) -> bool:
    """Return whether a process has opened the database and uses no time."""
    if not has_database(pid):
        return False
    before = get_ticks(pid)
    time.sleep(0.3)
    return get_ticks(pid) - before <= 1  # SQLite tries again now and then


def has_database(pid: int) -> bool:
    """Return whether a process has opened the database."""
    with suppress(OSError):
        return any(os.readlink(path).endswith("/ccfs.db") for path in Path(f"/proc/{pid}/fd").iterdir())
    return False


def get_ticks(pid: int) -> int:
    """Return the processor time that a process has used, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def get_main_thread(pid: int) -> int:
    """Return the main thread."""
    return pid


def get_last_thread(pid: int) -> int:
    """Return the thread that was started last: the kernel prefers the thread that is named."""
    return max(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


@pytest.mark.parametrize("choose_thread", [get_main_thread, get_last_thread])
def test_one_signal_ends_every_command_that_waits_for_the_database(
    folder: Path, choose_thread: Callable[[int], int]
) -> None:
    with waiting_commands(folder, ENDING) as running:
        began = time.monotonic()
        for number, process in enumerate(running.values()):
            os.kill(choose_thread(process.pid), STOP_SIGNALS[number % 3])
        codes = {name: process.wait(UNWIND_SECONDS + SLACK_SECONDS) for name, process in running.items()}
        assert time.monotonic() - began < UNWIND_SECONDS + SLACK_SECONDS
    assert codes == {name: 128 + STOP_SIGNALS[number % 3] for number, name in enumerate(ENDING)}


def test_two_signals_end_every_command_at_once(folder: Path) -> None:
    with waiting_commands(folder, ENDING | STOPPING) as running:
        for process in running.values():
            os.kill(get_last_thread(process.pid), signal.SIGTERM)
            time.sleep(0.2)
            with suppress(ProcessLookupError):
                os.kill(get_last_thread(process.pid), signal.SIGINT)
            assert process.wait(UNWIND_SECONDS - 1) in (128 + signal.SIGTERM, 128 + signal.SIGINT)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_watch_ends_in_order_after_one_signal(folder: Path, number: signal.Signals) -> None:
    process = start(folder, STOPPING["ingest asterisk --watch"])
    wait_until(lambda: has_database(process.pid), 120)
    time.sleep(0.5)
    os.kill(get_last_thread(process.pid), number)
    assert process.wait(60) in (0, 128 + number)  # the latter before the watch has begun


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_command_that_finishes_a_step_stops_after_it(folder: Path, number: signal.Signals) -> None:
    with waiting_commands(folder, STOPPING, release=True) as running:
        for process in running.values():
            os.kill(get_last_thread(process.pid), number)
        codes = {name: process.wait(SLACK_SECONDS) for name, process in running.items()}
    assert codes == {"ingest asterisk --watch": 0, "location move": 1}  # 1: not all was moved


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_call_to_a_silent_server_ends(folder: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start(folder, ["call", "downloadRecord", "{}", "--url", url, "--ak", AK, "--sk", "x"])
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            os.kill(get_last_thread(process.pid), number)
            assert process.wait(UNWIND_SECONDS + SLACK_SECONDS) == 128 + number

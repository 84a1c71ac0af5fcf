"""The real `ccfs serve` on a machine whose clock is wrong: libfaketime in a file that a test may change while it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccfs import settings
from ccfs.server.node import Node
from tests.ports import get_free_port
from tests.server.ccfs_server import DRAIN_SECONDS, PROGRAM, CcfsServer, build_environment, wait_until_started

FAST_PROGRAM = (
    f"import ccfs.cli.serve; ccfs.cli.serve.CLEANUP_INTERVAL_SECONDS = 3.0; {PROGRAM}"  # compares the clocks often
)
LIBRARY_PATTERN = "faketime/libfaketimeMT.so.1"  # of Debian's package libfaketime, below the folder of the architecture
RIGHT = "+0"


def find_library() -> Path:
    """Return the library; scripts/test installs it."""
    found = [path for root in ("/usr/lib", "/usr/lib64") for path in Path(root).glob(f"*/{LIBRARY_PATTERN}")]
    assert found, "libfaketime is not installed: sudo apt-get install libfaketime"
    return found[0]


class FakedTime:
    """The clock of a machine, as an offset that its processes read again within a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(RIGHT)

    def set(self, offset: str) -> None:
        """Set the clock, such as "+1y" or "-30d"."""
        replacement = self._file.with_suffix(".new")
        replacement.write_text(offset + "\n")
        replacement.replace(self._file)

    def build_environment(self) -> dict[str, str]:
        """Return what makes a process use this clock. Time goes on as it does: only the wall clock is faked."""
        return {
            "LD_PRELOAD": str(find_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@contextmanager
def run_faked_server(data: Path, clock: FakedTime, **options: object) -> Iterator[CcfsServer]:
    """Run a server with this clock on the data folder until the block ends."""
    data.mkdir(parents=True, exist_ok=True)
    node = Node(settings.load_settings({}, data=data, **options))
    _ = node.database, node.secret_box, node.disk
    port = get_free_port()
    log = data / f"web-{port}.log"
    environment = {**build_environment(data, options), **clock.build_environment()}
    command = [sys.executable, "-c", FAST_PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    server = CcfsServer(port=port, node=node, process=process, log=log)
    try:
        wait_until_started(server)
        yield server
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(DRAIN_SECONDS + 10)
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
        node.database.close()

"""Several real nodes on one database, each with a data folder of its own. No test here."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.api.api_client import send_request
from tests.cli.command import CommandResult, run_ccfs
from tests.server.ccfs_server import PROGRAM, CcfsServer, run_server

NODE_TIMEOUT_SECONDS = 3  # so that a test need not wait long for a node to count as dead
SHORT_LEASE_PROGRAM = (  # leases of seconds, for the same reason
    "from datetime import timedelta; from ccfs.workers.callbacks import worker as callbacks;"
    "from ccfs.workers.exports import worker as exports;"
    "exports.LEASE, exports.LEASE_RENEWAL_SECONDS, callbacks.LEASE = timedelta(seconds=2), 0.4, timedelta(seconds=3);"
    + PROGRAM
)


class NodeCluster:
    """Nodes by name; one is started when it is first asked for."""

    def __init__(self, folder: Path, url: str, stack: ExitStack, program: str, given: dict[str, object]) -> None:
        self._folder, self._stack, self._program = folder, stack, program
        common = {
            "node_keys": Fernet.generate_key().decode(),
            "node_timeout_seconds": NODE_TIMEOUT_SECONDS,
            "lock_failures": 0,
        }
        self.settings: dict[str, object] = {"database_url": url, **common, **given}
        self._servers: dict[str, CcfsServer] = {}
        self._node_settings: dict[str, dict[str, object]] = {}

    def __getitem__(self, name: str) -> CcfsServer:
        return self._servers[name] if name in self._servers else self.start(name)

    def start(self, name: str, **own: object) -> CcfsServer:
        """Start a node with settings of its own; one that was killed, where it stood and as it was."""
        self._node_settings.setdefault(name, own)
        port = self._servers[name].port if name in self._servers else 0
        given = {**self.settings, **self._node_settings[name]}
        one = run_server(self._folder / name, self._program, port, node=name, **given)
        self._servers[name] = self._stack.enter_context(one)
        return self._servers[name]

    def stop_all(self) -> None:
        """Tell all at once that they are to end: one after the other takes longer."""
        for one in self._servers.values():
            one.process.terminate()

    def run_command(self, *arguments: object) -> CommandResult:
        """A command on a machine of its own, with the same database."""
        given = {f"CCFS_{name.upper()}": str(value) for name, value in self.settings.items()}
        return run_ccfs(*arguments, settings={**given, "CCFS_DATA": str(self._folder / "operator")})

    def list_nodes(self) -> dict[str, dict[str, Any]]:
        """What `ccfs node list` tells, by node."""
        return {one["node"]: one for one in self.run_command("node", "list", "--json").json["nodes"]}


@contextmanager
def run_node_cluster(folder: Path, url: str, program: str = PROGRAM, **given: object) -> Iterator[NodeCluster]:
    """Nodes on the database, with these settings; all end with the block."""
    with ExitStack() as stack:
        found = NodeCluster(folder, url, stack, program, given)
        try:
            yield found
        finally:
            found.stop_all()


def get_readiness(server: CcfsServer) -> tuple[int, str]:
    """What /readyz says."""
    reply = send_request(server, "GET", "/readyz")
    return reply.status, reply.json["status"]


def wait_until(is_so: Callable[[], bool], seconds: float = 90) -> float:
    """Wait until it is so: after how many seconds; fails where it takes longer."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began

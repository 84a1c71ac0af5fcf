"""Several real nodes on one database, each with its own data folder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.api.api_client import send_request
from tests.cli.command import CommandResult, run_ccfs
from tests.server.ccfs_server import PROGRAM, CcfsServer, run_server

NODE_TIMEOUT_SECONDS = 3  # so that a killed node soon counts as dead
SHORT_LEASE_PROGRAM = (  # leases of seconds, so that another node soon takes over
    "from datetime import timedelta; from ccfs.workers.callbacks import worker as callbacks;"
    "from ccfs.workers.exports import worker as exports;"
    "exports.LEASE, exports.LEASE_RENEWAL_SECONDS, callbacks.LEASE = timedelta(seconds=2), 0.4, timedelta(seconds=3);"
    + PROGRAM
)


class NodeCluster:
    """Nodes by name; a node starts at its first use."""

    def __init__(self, folder: Path, url: str, stack: ExitStack, program: str, options: dict[str, object]) -> None:
        self._folder, self._stack, self._program = folder, stack, program
        common = {
            "node_keys": Fernet.generate_key().decode(),
            "node_timeout_seconds": NODE_TIMEOUT_SECONDS,
            "lock_failures": 0,
        }
        self.settings: dict[str, object] = {"database_url": url, **common, **options}
        self._servers: dict[str, CcfsServer] = {}
        self._node_settings: dict[str, dict[str, object]] = {}

    def __getitem__(self, name: str) -> CcfsServer:
        return self._servers[name] if name in self._servers else self.start(name)

    def start(self, name: str, **own: object) -> CcfsServer:
        """Start a node with its own settings; restart a killed one on its port with its former settings."""
        self._node_settings.setdefault(name, own)
        port = self._servers[name].port if name in self._servers else 0
        options = {**self.settings, **self._node_settings[name]}
        node = run_server(self._folder / name, self._program, port, node=name, **options)
        self._servers[name] = self._stack.enter_context(node)
        return self._servers[name]

    def stop_all(self) -> None:
        """Send SIGTERM to all nodes at once, because stopping one after the other takes longer."""
        for node in self._servers.values():
            node.process.terminate()

    def run_command(self, *arguments: object) -> CommandResult:
        """Run a command as on another machine with the same database."""
        options = {f"CCFS_{name.upper()}": str(value) for name, value in self.settings.items()}
        return run_ccfs(*arguments, settings={**options, "CCFS_DATA": str(self._folder / "operator")})

    def list_nodes(self) -> dict[str, dict[str, Any]]:
        """Return the rows of `ccfs node list` by node."""
        return {node["node"]: node for node in self.run_command("node", "list", "--json").json["nodes"]}


@contextmanager
def run_node_cluster(folder: Path, url: str, program: str = PROGRAM, **options: object) -> Iterator[NodeCluster]:
    """Run nodes on the database, with these settings, until the block ends."""
    with ExitStack() as stack:
        cluster = NodeCluster(folder, url, stack, program, options)
        try:
            yield cluster
        finally:
            cluster.stop_all()


def get_readiness(server: CcfsServer) -> tuple[int, str]:
    """Return the status and reason of /readyz."""
    reply = send_request(server, "GET", "/readyz")
    return reply.status, reply.json["status"]

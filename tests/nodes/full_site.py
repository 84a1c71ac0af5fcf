"""A full site of real processes: PostgreSQL, SeaweedFS, nginx by deploy/, three nodes, a callback receiver.

Nodes a and b store on their own disks; b reaches the database through a proxy. Node c stores in the bucket, which all nodes
reach through a proxy.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from ccfs import settings
from ccfs.blobs.interface import Location
from ccfs.db.system import tenants
from ccfs.db.system.storage import locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.server.node import Node
from tests import servers
from tests.api.api_client import create_client
from tests.api.callback_client import DAY_PERIOD
from tests.blobs import s3_locations
from tests.deploy.nginx_balancer import run_nginx
from tests.nodes.node_cluster import SHORT_LEASE_PROGRAM, NodeCluster, run_node_cluster
from tests.proxies import Proxy, run_proxy
from tests.receivers import CallbackReceiver, run_receiver
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants, create_two_tenants
from tests.waiting import wait_until

NODE_NAMES = ("a", "b", "c")
BUCKET_ID = "2"  # location id; the disks are 0, 1 and 3
SHORT_TIMEOUT_PROGRAM = (  # and a short stop: a node whose database hangs waits for the timeout
    'import importlib; importlib.import_module("ccfs.cli.serve").SILENCE_SECONDS = 3.0;' + SHORT_LEASE_PROGRAM
)
SHORT_TIMEOUTS: dict[str, object] = {  # so that a short test covers the begin and the end of a fault
    "peer_connect_seconds": 1,
    "peer_read_seconds": 2,
    "peer_cooldown_seconds": 1,
    "s3_timeout_seconds": 1,
    "s3_retries": 2,
    "s3_cooldown_seconds": 1,
    "callback_retry_seconds": 1,
    "database_read_timeout_seconds": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSite:
    """The parts of the site, and its tenants."""

    postgres: servers.PostgresCluster
    database_proxy: Proxy  # between node b and PostgreSQL
    s3_proxy: Proxy  # between all nodes and the bucket
    nodes: NodeCluster
    nginx: CcfsServer
    receiver: CallbackReceiver
    tenants: TwoTenants
    locations: dict[str, Location]  # every location, as its own node opens it

    def wait_for_binding(self) -> None:
        """Wait until every node knows the receiver's prefix."""
        fields = {**DAY_PERIOD, "callBackURL": self.receiver.url}
        clients = [create_client(self.nodes[name], self.tenants.acme) for name in NODE_NAMES]
        wait_until(lambda: all(client.request("queryBillData", fields).result_code == "0" for client in clients))


class RoundRobinLocation:
    """A location that stores each file in the next of several locations, to fill them all."""

    def __init__(self, locations: Iterable[Location]) -> None:
        self._next = cycle(locations)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Store the bytes in the next location."""
        return next(self._next).write(key, chunks)


@contextmanager
def run_full_site(
    folder: Path, program: str = SHORT_TIMEOUT_PROGRAM, options: dict[str, object] | None = None
) -> Iterator[FullSite]:
    """Run the site until the block ends, with two tenants whose files are in every location."""
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.run_postgres_cluster())
        s3 = stack.enter_context(run_proxy(stack.enter_context(servers.run_seaweedfs())))
        line = stack.enter_context(run_proxy(postgres.socket))
        receiver = stack.enter_context(run_receiver())
        keys = dict(zip(("s3_access_key", "s3_secret_key"), servers.S3_KEYS, strict=True))
        usual: dict[str, object] = {"trusted_proxies": "127.0.0.1", **keys, **(options or {})}
        nodes = stack.enter_context(run_node_cluster(folder, postgres.url, program, **usual))
        _start_nodes(nodes, folder, line, s3)
        running = [nodes[name] for name in NODE_NAMES]
        disks = {f"disk of {name}": nodes[name].node.disk for name in NODE_NAMES}
        locations: dict[str, Location] = {**disks, "bucket": nodes["c"].node.locations[BUCKET_ID]}
        filler = nodes["a"].node
        home = filler.primary_location
        filler.__dict__["primary_location"] = RoundRobinLocation(locations.values())
        tenant_pair = create_two_tenants(filler)
        filler.__dict__["primary_location"] = home
        with filler.database.write_transaction() as connection:
            tenants.bind_callback(connection, tenant_pair.acme.app, receiver.prefix)
        front, _ = stack.enter_context(run_nginx(folder / "nginx", running))
        yield FullSite(
            postgres=postgres,
            database_proxy=line,
            s3_proxy=s3,
            nodes=nodes,
            nginx=front,
            receiver=receiver,
            tenants=tenant_pair,
            locations=locations,
        )


def _start_nodes(nodes: NodeCluster, folder: Path, line: Proxy, s3: Proxy) -> None:
    """Start all nodes at once, because each takes seconds. Disks and bucket get their ids first, in order."""
    own: dict[str, dict[str, object]] = {name: {} for name in NODE_NAMES}
    own["b"] = {"database_url": f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/postgres?connect_timeout=2"}
    own["c"] = {"primary_location": BUCKET_ID}
    for name in NODE_NAMES:
        node = Node(settings.load_settings({}, data=folder / name, **{**nodes.settings, "node": name}))
        if name == "c":
            with node.database.write_transaction() as connection:
                locations.add(connection, s3_locations.make_location_config(s3.url, BUCKET_ID))
        _ = node.disk
        node.database.close()
    with ThreadPoolExecutor(len(NODE_NAMES)) as pool:
        list(pool.map(lambda name: nodes.start(name, **own[name]), NODE_NAMES))

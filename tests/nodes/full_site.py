"""A whole site of real processes: PostgreSQL, SeaweedFS, nginx by deploy/, three nodes, a receiver of callbacks. No test here.

Node a keeps on its own disk; so does b, which reaches the database through a proxy; c keeps in the bucket, which all reach
through a proxy.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from ccfs import settings
from ccfs.blobs.interface import Location
from ccfs.db.system import locations, tenants
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.server.node import Node
from tests import servers
from tests.api.api_client import create_client
from tests.api.callback_client import DAY_PERIOD
from tests.blobs import s3_locations
from tests.deploy.nginx_balancer import run_nginx
from tests.nodes.node_cluster import SHORT_LEASE_PROGRAM, NodeCluster, run_node_cluster, wait_until
from tests.proxies import Proxy, run_proxy
from tests.receivers import CallbackReceiver, run_receiver
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants, create_two_tenants

NODE_NAMES = ("a", "b", "c")
BUCKET_ID = "2"  # id of the location; disks are 0, 1 and 3
SHORT_TIMEOUT_PROGRAM = (  # and so that it ends in time, for a node whose database is silent waits for that
    'import importlib; importlib.import_module("ccfs.cli.serve").SILENCE_SECONDS = 3.0;' + SHORT_LEASE_PROGRAM
)
SHORT_TIMEOUTS: dict[str, object] = {  # so that a short test sees a fault begin and end
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
    """All of it, and who may use it."""

    postgres: servers.PostgresCluster
    database_proxy: Proxy  # between node b and PostgreSQL
    s3_proxy: Proxy  # between all nodes and the bucket
    nodes: NodeCluster
    nginx: CcfsServer  # nginx
    receiver: CallbackReceiver
    tenants: TwoTenants
    locations: dict[str, Location]  # every place that keeps bytes, as its own node sees it

    def wait_for_binding(self) -> None:
        """Until every node knows the receiver's prefix."""
        fields = {**DAY_PERIOD, "callBackURL": self.receiver.url}
        clients = [create_client(self.nodes[name], self.tenants.acme) for name in NODE_NAMES]
        wait_until(lambda: all(client.request("queryBillData", fields).result_code == "0" for client in clients))


class RoundRobinLocation:
    """A location that keeps each file in the next of several: for filling them."""

    def __init__(self, locations: Iterable[Location]) -> None:
        self._next = cycle(locations)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Keep it in the next one."""
        return next(self._next).write(key, chunks)


@contextmanager
def run_full_site(
    folder: Path, program: str = SHORT_TIMEOUT_PROGRAM, given: dict[str, object] | None = None
) -> Iterator[FullSite]:
    """The site until the block ends, with a cast whose files lie everywhere."""
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.run_postgres_cluster())
        s3 = stack.enter_context(run_proxy(stack.enter_context(servers.run_seaweedfs())))
        line = stack.enter_context(run_proxy(postgres.socket))
        there = stack.enter_context(run_receiver())
        keys = dict(zip(("s3_access_key", "s3_secret_key"), servers.S3_KEYS, strict=True))
        usual: dict[str, object] = {"trusted_proxies": "127.0.0.1", **keys, **(given or {})}
        nodes = stack.enter_context(run_node_cluster(folder, postgres.url, program, **usual))
        _start_nodes(nodes, folder, line, s3)
        running = [nodes[name] for name in NODE_NAMES]
        found = {f"disk of {name}": nodes[name].node.disk for name in NODE_NAMES}
        kept_in: dict[str, Location] = {**found, "bucket": nodes["c"].node.locations[BUCKET_ID]}
        filler = nodes["a"].node
        home = filler.primary_location
        filler.__dict__["home"] = RoundRobinLocation(kept_in.values())
        cast = create_two_tenants(filler)
        filler.__dict__["home"] = home
        with filler.database.write_transaction() as connection:
            tenants.bind_callback(connection, cast.acme.app, there.prefix)
        front, _ = stack.enter_context(run_nginx(folder / "nginx", running))
        yield FullSite(
            postgres=postgres,
            database_proxy=line,
            s3_proxy=s3,
            nodes=nodes,
            nginx=front,
            receiver=there,
            tenants=cast,
            locations=kept_in,
        )


def _start_nodes(nodes: NodeCluster, folder: Path, line: Proxy, s3: Proxy) -> None:
    """All at once, for each takes seconds; but first their disks get their numbers, in order, and the bucket its."""
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

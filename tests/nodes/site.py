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
from ccfs.model.recordings.recording import BlobRef
from ccfs.server.node import Node
from tests import servers
from tests.cast import Cast, fill
from tests.deploy.balancing import balancer
from tests.nodes.cluster import QUICK, Cluster, cluster, until
from tests.proxies import Proxy, proxy
from tests.receivers import Receiver, receiver
from tests.store import buckets
from tests.web.callers import caller
from tests.web.office import DAY
from tests.web.serving import Server

NAMES = ("a", "b", "c")
BUCKET = "2"  # id of the location; disks are 0, 1 and 3
IMPATIENT_WORK = (  # and so that it ends in time, for a node whose database is silent waits for that
    'import importlib; importlib.import_module("ccfs.cli.serve").SILENCE_SECONDS = 3.0;' + QUICK
)
IMPATIENT: dict[str, object] = {  # so that a short test sees a fault begin and end
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
class Site:
    """All of it, and who may use it."""

    postgres: servers.Cluster
    line: Proxy  # between node b and PostgreSQL
    s3: Proxy  # between all nodes and the bucket
    nodes: Cluster
    front: Server  # nginx
    there: Receiver
    cast: Cast
    places: dict[str, Location]  # every place that keeps bytes, as its own node sees it

    def await_binding(self) -> None:
        """Until every node knows the receiver's prefix."""
        fields = {**DAY, "callBackURL": self.there.url}
        clients = [caller(self.nodes[name], self.cast.acme) for name in NAMES]
        until(lambda: all(client.ask("queryBillData", fields).code == "0" for client in clients))


class Spread:
    """A location that keeps each file in the next of several: for filling them."""

    def __init__(self, locations: Iterable[Location]) -> None:
        self._next = cycle(locations)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Keep it in the next one."""
        return next(self._next).write(key, chunks)


@contextmanager
def site(folder: Path, program: str = IMPATIENT_WORK, given: dict[str, object] | None = None) -> Iterator[Site]:
    """The site until the block ends, with a cast whose files lie everywhere."""
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.cluster())
        s3 = stack.enter_context(proxy(stack.enter_context(servers.seaweedfs())))
        line = stack.enter_context(proxy(postgres.socket))
        there = stack.enter_context(receiver())
        keys = dict(zip(("s3_access_key", "s3_secret_key"), servers.S3_KEYS, strict=True))
        usual: dict[str, object] = {"trusted_proxies": "127.0.0.1", **keys, **(given or {})}
        nodes = stack.enter_context(cluster(folder, postgres.url, program, **usual))
        _start(nodes, folder, line, s3)
        running = [nodes[name] for name in NAMES]
        found = {f"disk of {name}": nodes[name].node.disk for name in NAMES}
        kept_in: dict[str, Location] = {**found, "bucket": nodes["c"].node.locations[BUCKET]}
        filler = nodes["a"].node
        home = filler.primary_location
        filler.__dict__["home"] = Spread(kept_in.values())
        cast = fill(filler)
        filler.__dict__["home"] = home
        with filler.database.write_transaction() as connection:
            tenants.bind_callback(connection, cast.acme.app, there.prefix)
        front, _ = stack.enter_context(balancer(folder / "nginx", running))
        yield Site(
            postgres=postgres, line=line, s3=s3, nodes=nodes, front=front, there=there, cast=cast, places=kept_in
        )


def _start(nodes: Cluster, folder: Path, line: Proxy, s3: Proxy) -> None:
    """All at once, for each takes seconds; but first their disks get their numbers, in order, and the bucket its."""
    own: dict[str, dict[str, object]] = {name: {} for name in NAMES}
    own["b"] = {"database_url": f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/postgres?connect_timeout=2"}
    own["c"] = {"primary_location": BUCKET}
    for name in NAMES:
        node = Node(settings.load_settings({}, data=folder / name, **{**nodes.settings, "node": name}))
        if name == "c":
            with node.database.write_transaction() as connection:
                locations.add(connection, buckets.place(s3.url, BUCKET))
        _ = node.disk
        node.database.close()
    with ThreadPoolExecutor(len(NAMES)) as pool:
        list(pool.map(lambda name: nodes.start(name, **own[name]), NAMES))

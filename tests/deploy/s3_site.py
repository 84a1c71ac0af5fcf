"""A node whose bytes are in S3, behind nginx that fetches them there, over TLS by the names of deploy/. No test here."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ccfs import settings
from ccfs.db.system import locations
from ccfs.server.node import Node
from tests import servers
from tests.cast import Cast, fill
from tests.certificates import identity
from tests.deploy.balancing import Service, balancer, write_pem
from tests.proxies import Proxy, proxy
from tests.store import buckets
from tests.web.callers import Caller, caller
from tests.web.serving import PATIENT, Server, serving

HANDED: dict[str, Any] = {"trusted_proxies": "127.0.0.1", "x_accel": "/ccfs-files", "x_accel_s3": "/ccfs-s3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A site over a bucket: location 1, in which all lies that the cast has."""

    front: Server  # nginx
    node: Server  # hands over
    plain: Server  # the same data, and nothing is handed over
    between: Proxy  # nginx and the service
    service: Service  # as nginx knows it
    cast: Cast

    @property
    def acme(self) -> Caller:
        """A client of the first app."""
        return caller(self.front, self.cast.acme)

    @property
    def direct(self) -> Caller:
        """The same, of the node that hands nothing over."""
        return caller(self.plain, self.cast.acme)

    @contextmanager
    def another_front(self, folder: Path, **changes: Any) -> Iterator[Caller]:
        """A client of another nginx before the same node, which takes the service for something else."""
        with balancer(folder / "nginx", [self.node], s3=replace(self.service, **changes)) as (front, _):
            yield caller(front, self.cast.acme)

    def fetched(self) -> int:
        """How many connections nginx has made to the service."""
        return self.between.connections


@contextmanager
def bucket_site(folder: Path) -> Iterator[Bucket]:
    """Such a site, on a service of its own."""
    with ExitStack() as stack:
        certificate, key = write_pem(folder, identity("localhost"))
        url = stack.enter_context(servers.seaweedfs(certificate, key))
        given = _given(certificate)
        patient = given | PATIENT  # with a service that has only just begun
        made = Node(settings.load_settings({}, data=folder / "data", **patient))
        with made.database.write_transaction() as connection:
            locations.add(connection, buckets.place(url))
        cast = fill(made)
        made.database.close()
        node = stack.enter_context(serving(folder / "data", **given, **HANDED))
        plain = stack.enter_context(serving(folder / "data", **given, trusted_proxies="127.0.0.1"))
        between = stack.enter_context(proxy(url))
        service = Service(port=between.port, host=urlsplit(url).netloc, authority=certificate)
        front, _ = stack.enter_context(balancer(folder / "nginx", [node], s3=service))
        yield Bucket(front=front, node=node, plain=plain, between=between, service=service, cast=cast)


def _given(certificate: Path) -> dict[str, Any]:
    ak, sk = servers.S3_KEYS
    given = {"primary_location": "1", "s3_access_key": ak, "s3_secret_key": sk, "s3_ca_file": str(certificate)}
    return {**given, "s3_timeout_seconds": 2, "s3_retries": 1, "s3_cooldown_seconds": 0, "lock_failures": 0}

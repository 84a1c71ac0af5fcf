"""A node whose bytes are in S3, behind an nginx that fetches them there, over TLS, with the names of deploy/."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ccfs import settings
from ccfs.db.system.storage import locations
from ccfs.server.node import Node
from tests import servers
from tests.api.api_client import ApiClient, create_client
from tests.blobs import s3_locations
from tests.certificates import create_identity
from tests.deploy.nginx_balancer import S3Service, run_nginx, write_pem
from tests.proxies import Proxy, run_proxy
from tests.server.ccfs_server import PATIENT_SETTINGS, CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants

X_ACCEL_SETTINGS: dict[str, Any] = {"trusted_proxies": "127.0.0.1", "x_accel": "/ccfs-files", "x_accel_s3": "/ccfs-s3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Site:
    """A site on a bucket: location 1, which has all files of the tenants."""

    nginx: CcfsServer
    node: CcfsServer  # hands responses over
    direct_node: CcfsServer  # the same data, without handing over
    s3_proxy: Proxy  # between nginx and the service
    s3_service: S3Service  # as nginx is configured for it
    tenants: TwoTenants

    @property
    def acme_client(self) -> ApiClient:
        """Return a client of the first app."""
        return create_client(self.nginx, self.tenants.acme)

    @property
    def direct_client(self) -> ApiClient:
        """Return a client of the first app, of the node that hands nothing over."""
        return create_client(self.direct_node, self.tenants.acme)

    @contextmanager
    def run_another_nginx(self, folder: Path, **changes: Any) -> Iterator[ApiClient]:
        """Yield a client of another nginx in front of the same node, configured for another service."""
        with run_nginx(folder / "nginx", [self.node], s3=replace(self.s3_service, **changes)) as (front, _):
            yield create_client(front, self.tenants.acme)

    def count_connections(self) -> int:
        """Return the number of connections that nginx has opened to the service."""
        return self.s3_proxy.connections


@contextmanager
def run_s3_site(folder: Path) -> Iterator[S3Site]:
    """Run a site on its own service."""
    with ExitStack() as stack:
        certificate, key = write_pem(folder, create_identity("localhost"))
        url = stack.enter_context(servers.run_seaweedfs(certificate, key))
        options = _build_settings(certificate)
        patient_options = options | PATIENT_SETTINGS  # because the service has just started
        node_parts = Node(settings.load_settings({}, data=folder / "data", **patient_options))
        with node_parts.database.write_transaction() as connection:
            locations.add(connection, s3_locations.make_location_config(url))
        tenant_pair = create_two_tenants(node_parts)
        node_parts.database.close()
        node = stack.enter_context(run_server(folder / "data", shared_data=True, **options, **X_ACCEL_SETTINGS))
        plain = stack.enter_context(
            run_server(folder / "data", shared_data=True, **options, trusted_proxies="127.0.0.1")
        )
        between = stack.enter_context(run_proxy(url))
        service = S3Service(port=between.port, host=urlsplit(url).netloc, authority=certificate)
        front, _ = stack.enter_context(run_nginx(folder / "nginx", [node], s3=service))
        yield S3Site(
            nginx=front, node=node, direct_node=plain, s3_proxy=between, s3_service=service, tenants=tenant_pair
        )


def _build_settings(certificate: Path) -> dict[str, Any]:
    ak, sk = servers.S3_KEYS
    options = {"primary_location": "1", "s3_access_key": ak, "s3_secret_key": sk, "s3_ca_file": str(certificate)}
    return {**options, "s3_timeout_seconds": 2, "s3_retries": 1, "s3_cooldown_seconds": 0, "lock_failures": 0}

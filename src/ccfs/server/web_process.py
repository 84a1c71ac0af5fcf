"""A web process: its RSGI application from a node's parts, and its end. The process of the node itself is cli/serve.py's."""

import gc
import multiprocessing.connection
import os
import threading
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ccfs import logs, settings
from ccfs.console.login.oidc_config import OidcConfig
from ccfs.server import config
from ccfs.server.app import WebApp
from ccfs.server.node import Node, utc_now
from ccfs.web.context import WebContext
from ccfs.web.metrics import WebMetrics
from ccfs.web.readiness import Readiness
from ccfs.web.transcode_pool import TranscodePool

if TYPE_CHECKING:
    from ccfs.console.login.oidc_client import OidcClient


def create_web_app() -> WebApp:
    """What each web process of Granian makes first; its settings are in the environment."""
    logs.configure_logging()
    _exit_with_parent()
    gc.freeze()  # what was imported is no garbage: no search for some looks at it again, while somebody waits or at the end
    return build_web_app(Node(settings.load_settings()))


def build_web_app(node: Node) -> WebApp:
    """The RSGI application."""
    agreed = config.build_oidc_config(node.settings)
    return WebApp(
        WebContext(
            settings=node.settings,
            database=node.database,
            tenant_cache=node.tenant_cache,
            locations=node.locations,
            primary_location=node.primary_location,
            now=utc_now,
            metrics=WebMetrics(CollectorRegistry()),
            url_signing_keys=node.secret_box.derive_keys("signed URLs"),
            replicas=node.replicas,
            peer_keys=node.peer_keys,
            readiness=Readiness(node.database, node.primary_location, node.id),
            secret_box=node.secret_box,
            transcode_pool=TranscodePool(node.settings.transcode_workers),
            oidc_client=_build_oidc_client(agreed) if agreed else None,
        )
    )


def _build_oidc_client(agreed: OidcConfig) -> "OidcClient":
    from ccfs.console.login.oidc_client import OidcClient  # brings an HTTP client and JOSE: for who has single sign-on

    return OidcClient(agreed)


def _exit_with_parent() -> None:
    """A web process whose node was killed does not serve on by itself: nobody would tell it to drain or end."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()

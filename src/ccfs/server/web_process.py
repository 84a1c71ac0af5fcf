"""A web process: composition of its RSGI application from a node's parts. cli/serve.py starts the processes of a node."""

import gc
import multiprocessing.connection
import os
import threading
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ccfs import logs, settings
from ccfs.console.context import ConsoleContext
from ccfs.console.login.oidc_config import OidcConfig
from ccfs.server import config
from ccfs.server.app import WebApp
from ccfs.server.node import Node, utc_now
from ccfs.web import lockout
from ccfs.web.metrics import WebMetrics
from ccfs.web.readiness import Readiness
from ccfs.web.recent_failures import RecentFailures
from ccfs.web.transcode_pool import TranscodePool

if TYPE_CHECKING:
    from ccfs.console.login.oidc_client import OidcClient


def create_web_app() -> WebApp:
    """Return the application of a Granian web process, from the settings in its environment."""
    logs.configure_logging()
    _exit_with_parent()
    gc.freeze()  # imported objects are never garbage: keep collections, and the exit, from scanning them
    return build_web_app(Node(settings.load_settings()))


def build_web_app(node: Node) -> WebApp:
    """Return the RSGI application."""
    oidc = config.build_oidc_config(node.settings)
    return WebApp(
        ConsoleContext(
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
            recent_failures=RecentFailures(lockout.build_policy(node.settings)),
            transcode_pool=TranscodePool(node.settings.transcode_workers),
            oidc_client=_build_oidc_client(oidc) if oidc else None,
        )
    )


def _build_oidc_client(oidc: OidcConfig) -> "OidcClient":
    from ccfs.console.login.oidc_client import (
        OidcClient,
    )  # imports an HTTP client and JOSE, only where OIDC is configured

    return OidcClient(oidc)


def _exit_with_parent() -> None:
    """Exit when the node's main process is killed: no signal would reach this process then."""
    parent = multiprocessing.parent_process()

    def exit_with_parent() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=exit_with_parent, name="parent", daemon=True).start()

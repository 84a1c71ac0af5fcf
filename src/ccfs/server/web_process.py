"""A web process: composition of its application from a node's parts. cli/serve.py starts the processes of a node."""

import gc
import multiprocessing.connection
import os
import socket
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ccfs import logs, settings
from ccfs.console.context import ConsoleContext
from ccfs.console.login.oidc_config import OidcConfig
from ccfs.http_server.processes.tls import TlsFiles
from ccfs.http_server.processes.worker import run_application
from ccfs.server import config
from ccfs.server.app import WebApp
from ccfs.server.node import Node, utc_now
from ccfs.server.readiness_checks import build_checks
from ccfs.status.cache import StatusCache
from ccfs.status.check import StatusReport, check_status
from ccfs.web import lockout
from ccfs.web.app_counters import AppCounters
from ccfs.web.failure_log import FailureLog
from ccfs.web.flow_control import FlowControl
from ccfs.web.metrics import WebMetrics
from ccfs.web.readiness import Readiness
from ccfs.web.recent_failures import RecentFailures
from ccfs.web.transcode_pool import TranscodePool
from ccfs.web.usage_log import UsageLog

APP_COUNTERS_FILE = "app-counters"

if TYPE_CHECKING:
    from ccfs.console.login.oidc_client import OidcClient


def serve_requests(listener: socket.socket, tls: TlsFiles | None, drain_seconds: float) -> None:
    """Serve the socket's connections, with the settings of the environment, until SIGTERM."""
    logs.configure_logging()
    _exit_with_parent()
    node = Node(settings.load_settings())
    application = build_web_app(node)
    gc.freeze()  # imported objects are never garbage: keep collections, and the exit, from scanning them
    run_application(application, listener, config.build_http_limits(node.settings), tls, drain_seconds)
    application.context.usage.write()


def build_web_app(node: Node) -> WebApp:
    """Return the application."""
    oidc = config.build_oidc_config(node.settings)
    metrics = WebMetrics(CollectorRegistry())
    counters = AppCounters(_get_counters_path(), node.settings.workers)
    return WebApp(
        ConsoleContext(
            settings=node.settings,
            database=node.database,
            tenant_cache=node.tenant_cache,
            locations=node.locations,
            primary_location=node.primary_location,
            now=utc_now,
            metrics=metrics,
            failures=FailureLog(metrics.registry, node.id),
            url_signing_keys=node.secret_box.derive_keys("signed URLs"),
            replicas=node.replicas,
            peer_keys=node.peer_keys,
            readiness=Readiness(node.database, node.primary_location, node.id, build_checks(node)),
            secret_box=node.secret_box,
            flow_control=FlowControl(node.settings.default_app_limits, counters, metrics),
            recent_failures=RecentFailures(lockout.build_policy(node.settings)),
            transcode_pool=TranscodePool(node.settings.transcode_workers),
            usage=UsageLog(node.database, node.settings),
            status=StatusCache(partial(_check_status, node)),
            oidc_client=_build_oidc_client(oidc) if oidc else None,
        )
    )


def _check_status(node: Node) -> StatusReport:
    return check_status(node.database, node.settings, node.id, utc_now())


def _get_counters_path() -> Path | None:
    """Return the file that the web processes of this node share, beside their metrics; None if there is one process."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) / APP_COUNTERS_FILE if folder else None


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

"""A web process: its RSGI application from a node's parts, and its end. The process of the node itself is cli/serve.py's."""

import gc
import multiprocessing.connection
import os
import threading
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ccfs import logs, settings, terms
from ccfs.node import Node, now
from ccfs.web.app import Web
from ccfs.web.console.agreed import Terms
from ccfs.web.counters import Counters
from ccfs.web.decks import Decks
from ccfs.web.here import Here
from ccfs.web.readiness import Readiness

if TYPE_CHECKING:
    from ccfs.web.console.provider import Provider


def web() -> Web:
    """What each web process of Granian makes first; its settings are in the environment."""
    logs.prepare()
    _end_with_parent()
    gc.freeze()  # what was imported is no garbage: no search for some looks at it again, while somebody waits or at the end
    return application(Node(settings.read()))


def application(node: Node) -> Web:
    """The RSGI application."""
    agreed = terms.of_provider(node.settings)
    return Web(
        Here(
            settings=node.settings,
            database=node.database,
            pictures=node.pictures,
            locations=node.locations,
            home=node.home,
            now=now,
            counters=Counters(CollectorRegistry()),
            url_keys=node.sealer.derived("signed URLs"),
            elsewhere=node.elsewhere,
            peer_keys=node.peer_keys,
            readiness=Readiness(node.database, node.home, node.id),
            sealer=node.sealer,
            decks=Decks(node.settings.listen_at_once),
            provider=_provider(agreed) if agreed else None,
        )
    )


def _provider(agreed: Terms) -> "Provider":
    from ccfs.web.console.provider import Provider  # brings an HTTP client and JOSE: for who has single sign-on

    return Provider(agreed)


def _end_with_parent() -> None:
    """A web process whose node was killed does not serve on by itself: nobody would tell it to drain or end."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()

"""A whole site for the flows of the console: the real server with the demo's day of calls, its operator, people of other roles,
an hour's recording, a receiver of callbacks, and a provider for single sign-on. No test here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccfs.cli.demo import prepare_demo
from ccfs.db.system import passwords, tenants, users
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import Node
from tests.console import tapes
from tests.console.provider import CLIENT, SECRET, provider
from tests.console.visitor import PASSWORD
from tests.ports import free_port
from tests.receivers import FAILS, OK, Receiver, receiver
from tests.web.callers import Caller
from tests.web.serving import Server, serving

LONDON, SHANGHAI = "demo-london", "demo-shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What there is."""

    server: Server
    app: App  # the demo's
    client: Caller  # with its key
    password: str  # of the operator `demo`; all others have PASSWORD
    hears: Receiver  # which the app's callbacks may go to; the first one it refuses

    def address(self, path: str) -> str:
        """Of a page. By a name, for the provider is to be another site."""
        return f"http://localhost:{self.server.port}/console/{path}"

    def place(self, account: str) -> str:
        """An account as addresses say it."""
        return f"{self.app.ak}/{account}"

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with self.server.node.database.read_transaction() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(question)]


@contextmanager
def a_site(data: Path, **more: Any) -> Iterator[Site]:
    """One over the folder, with these further settings, until the block ends."""
    here, there = free_port(), free_port()
    back = f"http://localhost:{here}"
    sso: dict[str, Any] = {"oidc_issuer": f"http://127.0.0.1:{there}", "oidc_client_id": CLIENT}
    sso |= {"oidc_client_secret": SECRET, "oidc_name": "Example-ID", "console_url": back}
    with (
        receiver(FAILS, OK) as hears,
        provider(there, f"{back}/console/oidc/back"),
        serving(data, port=here, lock_failures=0, callback_max_attempts=1, **sso, **more) as server,
    ):
        yield _furnished(server, hears)


def _furnished(server: Server, hears: Receiver) -> Site:
    said = prepare_demo(server.node, f"http://{server.host}")
    with server.node.database.write_transaction() as connection:
        (app,) = tenants.list_apps(connection)
        tenants.bind_callback(connection, app, hears.prefix, may_be_private=True)
    _people(server.node, app)
    tapes.keep(server.node, app, LONDON, "hour", tapes.gsm(tapes.HOUR), tapes.LONG_CALL, 3600)
    client = Caller(server=server, ak=app.ak, sk=_said(r"SK (\S{20,})", said))
    return Site(server=server, app=app, client=client, password=_said(r"/console  demo  (\S+)", said), hears=hears)


def _said(what: str, text: str) -> str:
    found = re.search(what, text)
    assert found, text
    return found[1]


def _people(node: Node, app: App) -> None:
    """An exporter, a listener of one account, and somebody whom only the provider knows."""
    kept, now = passwords.hash_password(PASSWORD), datetime.now(UTC)
    london = Grant(role=Role.LISTENER, app=app.id, account_id=LONDON)
    with node.database.write_transaction() as connection:
        users.grant_role(connection, users.add(connection, "emil", kept, now), Grant(role=Role.EXPORTER, app=app.id))
        users.grant_role(connection, users.add(connection, "lucy", kept, now), london)
        users.grant_role(connection, users.add(connection, "sue", "", now), london)

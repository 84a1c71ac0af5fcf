"""A site for the flows of the console: a server with the demo's calls, users, an hour's recording, a receiver, and a provider."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccfs.cli.demo import prepare_demo
from ccfs.db.system import tenants
from ccfs.db.system.console import passwords, users
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import Node
from tests.api.api_client import ApiClient
from tests.console.console_client import PASSWORD
from tests.console.login.oidc_provider import CLIENT_ID, CLIENT_SECRET, run_oidc_provider
from tests.media import audio_samples
from tests.ports import get_free_port
from tests.receivers import FAIL, OK, CallbackReceiver, run_receiver
from tests.server.ccfs_server import CcfsServer, run_server

LONDON, SHANGHAI = "demo-london", "demo-shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """The server, its users and its receiver."""

    server: CcfsServer
    app: App  # the demo's
    client: ApiClient  # with its key
    password: str  # of the operator `demo`; all others have PASSWORD
    receiver: CallbackReceiver  # which the app's callbacks may go to; the first one it refuses

    def build_url(self, path: str) -> str:
        """Return the URL of a page; by host name, since the provider is to be another site."""
        return f"http://localhost:{self.server.port}/console/{path}"

    def build_account_param(self, account: str) -> str:
        """Return the parameter `account` of an account."""
        return f"{self.app.ak}/{account}"

    def query(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.server.node.database.read_transaction() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(question)]


@contextmanager
def run_demo_site(data: Path, **more: Any) -> Iterator[DemoSite]:
    """Run a server over the folder, with further settings, until the block ends."""
    port, provider_port = get_free_port(), get_free_port()
    back = f"http://localhost:{port}"
    sso: dict[str, Any] = {"oidc_issuer": f"http://127.0.0.1:{provider_port}", "oidc_client_id": CLIENT_ID}
    sso |= {"oidc_client_secret": CLIENT_SECRET, "oidc_name": "Example-ID", "console_url": back}
    with (
        run_receiver(FAIL, OK) as receiver,
        run_oidc_provider(provider_port, f"{back}/console/oidc/callback"),
        run_server(data, port=port, lock_failures=0, callback_max_attempts=1, **sso, **more) as server,
    ):
        yield _set_up_demo(server, receiver)


def _set_up_demo(server: CcfsServer, receiver: CallbackReceiver) -> DemoSite:
    said = prepare_demo(server.node, f"http://{server.host}")
    with server.node.database.write_transaction() as connection:
        (app,) = tenants.list_apps(connection)
        tenants.bind_callback(connection, app, receiver.prefix, may_be_private=True)
    _add_users(server.node, app)
    audio_samples.add_audio_recording(
        server.node,
        app,
        LONDON,
        "hour",
        audio_samples.make_gsm_wav(audio_samples.HOUR_REPEATS),
        audio_samples.LONG_CALL_ID,
        3600,
    )
    client = ApiClient(server=server, ak=app.ak, sk=_find_match(r"SK (\S{20,})", said))
    return DemoSite(
        server=server, app=app, client=client, password=_find_match(r"/console  demo  (\S+)", said), receiver=receiver
    )


def _find_match(what: str, text: str) -> str:
    found = re.search(what, text)
    assert found, text
    return found[1]


def _add_users(node: Node, app: App) -> None:
    """Add an exporter, a listener of one account, and a user of the provider."""
    password_hash, now = passwords.hash_password(PASSWORD), datetime.now(UTC)
    london = Grant(role=Role.LISTENER, app=app.id, account_id=LONDON)
    with node.database.write_transaction() as connection:
        users.grant_role(
            connection, users.add(connection, "emil", password_hash, now), Grant(role=Role.EXPORTER, app=app.id)
        )
        users.grant_role(connection, users.add(connection, "lucy", password_hash, now), london)
        users.grant_role(connection, users.add(connection, "sue", "", now), london)

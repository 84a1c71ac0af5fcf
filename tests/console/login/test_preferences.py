"""Preferences of a user, the first page after signing in, and the account that a user viewed last."""

import re
from datetime import UTC, datetime

import pytest

from ccfs.db.system.console import passwords, users
from ccfs.model.identity.preferences import Preferences, parse_preferences
from ccfs.model.identity.user import Grant, Role
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.server.ccfs_server import CcfsServer

FORM = {"language": "", "theme": "system", "density": "comfortable", "zone": "", "start_page": ""}


def add_user(server: CcfsServer, name: str, *grants: Grant) -> ConsoleClient:
    """Add a user and return the signed-in client."""
    with server.node.database.write_transaction() as connection:
        user = users.add(connection, name, passwords.hash_password(PASSWORD), datetime.now(UTC))
        for grant in grants:
            users.grant_role(connection, user, grant)
    client = ConsoleClient(server=server)
    assert client.sign_in(name).status == 303
    return client


@pytest.mark.parametrize(
    ("name", "page"), [("olga", "status"), ("lucy", "calls"), ("emil", "calls"), ("anna", "calls"), ("audrey", "audit")]
)
def test_signing_in_leads_to_the_first_page_that_the_user_may_see(signed_in: SignIn, name: str, page: str) -> None:
    location = ConsoleClient(server=signed_in(name).server).sign_in(name).headers["location"]
    first = signed_in(name).get(location).headers["location"]
    assert first == f"/console/{page}"
    assert signed_in(name).get(first).status == 200


def test_a_user_without_a_role_reads_whom_to_ask(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    client = add_user(console_server, "newcomer")
    assert "Ask an operator of this server to assign you a role." in client.get_text("/console")


def test_a_listener_of_an_account_that_does_not_exist_yet_reads_whom_to_ask(
    console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    later = Grant(role=Role.LISTENER, app=call_centre.acme.id, account_id="later")
    assert "Ask an operator." in add_user(console_server, "early", later).get_text("/console/calls")


def test_the_account_last_viewed_is_shown_again_on_other_pages_and_visits(
    console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    client = add_user(console_server, "steady", Grant(role=Role.OPERATOR))
    bolt = f"{call_centre.bolt.ak}/bolt-account"
    for account in (f"{call_centre.acme.ak}/acme-account", bolt):
        assert client.get(f"/console/calls?account={account}").status == 200
    assert client.get("/console/calls?account=unknown/account").status == 404
    client.sign_in("steady")
    chosen = re.compile(rf'<option value="{bolt}" selected>')
    for page in ("/console/calls", "/console/statistics"):
        assert chosen.search(client.get(page).body.decode()), page
    assert f'<option value="{call_centre.bolt.ak}" selected>' in client.get("/console/exports").body.decode()
    client.get(f"/console/exports?app={call_centre.acme.ak}")
    assert f'<option value="{call_centre.acme.ak}" selected>' in client.get("/console/exports").body.decode()
    assert client.get("/console/calls").status == 200  # an app alone is no account


def test_an_account_that_may_no_longer_be_viewed_is_not_shown(
    console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    grants = [Grant(role=Role.LISTENER, app=app.id) for app in (call_centre.acme, call_centre.bolt)]
    client = add_user(console_server, "limited", *grants)
    client.get(f"/console/calls?account={call_centre.bolt.ak}/bolt-account")
    with console_server.node.database.write_transaction() as connection:
        user = users.find_by_name(connection, "limited")
        assert user
        users.revoke_role(connection, user, grants[1])
    assert "bolt" not in client.get_text("/console/calls")


def test_preferences_are_in_force_at_once_and_in_later_visits(
    console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    client = add_user(console_server, "choosy", Grant(role=Role.OPERATOR))
    chosen = FORM | {"theme": "dark", "density": "compact", "zone": "America/New_York", "start_page": "/console/ingest"}
    assert client.post("/console/account/preferences", **chosen).status == 303
    client.sign_in("choosy")
    assert client.get("/console").headers["location"] == "/console/ingest"
    page = client.get(f"/console/calls?account={call_centre.acme.ak}/acme-account&period=90").body.decode()
    assert '<html lang="en" data-theme="dark" data-density="compact">' in page
    assert '<meta name="color-scheme" content="dark">' in page
    assert "times in America/New_York" in page
    client.post("/console/account/preferences", **chosen | {"language": "zh", "zone": ""})
    page = client.get("/console/account").body.decode()
    assert '<html lang="zh-CN"' in page
    assert client.post("/console/language", language="en").status == 303
    assert '<html lang="en"' in client.get("/console/account").body.decode()


def test_a_preference_that_is_not_offered_is_ignored_or_explained(
    console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    client = add_user(console_server, "odd-one", Grant(role=Role.AUDITOR))
    for wrong in ("Mars/Olympus", "../etc/passwd", "x" * 3000):
        reply = client.post("/console/account/preferences", **FORM | {"zone": wrong})
        assert (reply.status, 'aria-describedby="form-problem"' in reply.body.decode()) == (400, True)
    odd = {"theme": '"><script>', "density": "?", "language": "xx", "start_page": "/console/users", "zone": ""}
    assert client.post("/console/account/preferences", **odd).status == 303
    page = client.get("/console/account").body.decode()
    assert '<html lang="en">' in page
    assert client.get("/console").headers["location"] == "/console/audit"


@pytest.mark.parametrize("stored", [None, "", "no json", "[]", '{"theme": 7}', "[" * 1000])
def test_stored_preferences_that_cannot_be_read_are_the_defaults(stored: str | None) -> None:
    assert parse_preferences(stored) == Preferences()


def test_preferences_are_stored_and_read() -> None:
    chosen = Preferences(zone="Europe/London", account="AK/a")
    assert parse_preferences(chosen.format()) == chosen
    assert chosen.remember("AK/") == chosen
    assert chosen.remember("BK/").account == "BK/"

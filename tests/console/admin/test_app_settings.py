"""One app's page: its name, zones, VDNs, callback addresses and keys, and who may change them."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import Account, App, Vdn
from tests.api.api_client import ApiClient
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_app
from tests.waiting import wait_until

SK = "k" * 32


@pytest.fixture(scope="module")
def cargo(console_server: CcfsServer, call_centre: CallCentreData) -> App:
    """An app of this file, with two accounts."""
    app = add_app(console_server.node, "cargo", SK, 61)
    with console_server.node.database.write_transaction() as connection:
        account = tenants.get_accounts(connection, app)["cargo-account"]
        vdn = Vdn(vdn_id=62, cc_id=1, account_id="second")
        second = Account(account_id="second", zone=account.zone)
        tenants.add_account(connection, app, second, vdn, datetime.now(UTC))
    return app


def get_page(client: ConsoleClient, app: App) -> str:
    return client.get_text("/console/app?" + urlencode({"app": app.ak}))


def change(client: ConsoleClient, app: App, path: str, **fields: str) -> int:
    return client.post(f"/console/app/{path}", app=app.ak, **fields).status


def test_an_app_is_renamed_and_its_callback_addresses_change(signed_in: SignIn, cargo: App) -> None:
    olga = signed_in("olga")
    assert change(olga, cargo, "rename", name="Cargo Ltd") == 303
    assert change(olga, cargo, "rename", name="") == 400
    assert change(olga, cargo, "callback", prefix="https://crm.example.com/in/", private="yes") == 303
    assert change(olga, cargo, "callback", prefix="ftp://crm.example.com/") == 400
    page = get_page(olga, cargo)
    assert "Cargo Ltd" in page
    assert "https://crm.example.com/in/ allowed" in page
    assert change(olga, cargo, "callback/remove", prefix="https://crm.example.com/in/") == 303
    assert change(olga, cargo, "callback/remove", prefix="https://crm.example.com/in/") == 404
    assert "crm.example.com/in" not in get_page(olga, cargo)
    log = olga.get_text("/console/audit?action=changes&actor=olga")
    for sentence in ("Renamed an app", "Added a callback address", "Removed a callback address"):
        assert f"{sentence} {cargo.ak}" in log


def test_a_zone_and_a_vdn_change(signed_in: SignIn, console_server: CcfsServer, cargo: App) -> None:
    olga = signed_in("olga")
    assert change(olga, cargo, "zone", account="cargo-account", zone="Europe/Paris") == 303
    assert change(olga, cargo, "zone", account="cargo-account", zone="Mars/Base") == 400
    assert change(olga, cargo, "zone", account="no-such", zone="Europe/Paris") == 404
    assert change(olga, cargo, "vdn", vdn="61", old_cc="1", account="second", cc="7") == 303
    assert change(olga, cargo, "vdn", vdn="61", old_cc="1", account="second", cc="8") == 404
    assert change(olga, cargo, "vdn", vdn="61", old_cc="7", account="acme-account", cc="7") == 404
    assert change(olga, cargo, "vdn", vdn="x", old_cc="7", account="second", cc="7") == 400
    with console_server.node.database.read_transaction() as connection:
        assert tenants.get_accounts(connection, cargo)["cargo-account"].zone == "Europe/Paris"
        assert {(vdn.vdn_id, vdn.cc_id, vdn.account_id) for vdn in tenants.list_vdns(connection, cargo)} >= {
            (61, 7, "second"),
            (62, 1, "second"),
        }


def test_a_key_has_a_name_a_note_and_its_last_use(
    signed_in: SignIn, console_server: CcfsServer, cargo: App, call_centre: CallCentreData
) -> None:
    olga = signed_in("olga")
    with console_server.node.database.read_transaction() as connection:
        ((key, _, _),) = tenants.list_keys(connection, cargo)
        ((foreign, _, _), *_) = tenants.list_keys(connection, call_centre.bolt)
    assert "never" in get_page(olga, cargo).partition("Last used")[2]
    assert change(olga, cargo, "key", key=str(key), name="CRM", note="rotates in May") == 303
    assert change(olga, cargo, "key", key=str(foreign), name="mine") == 404
    assert change(olga, cargo, "key", key=str(key), name="x" * 65) == 400
    assert change(olga, cargo, "key", key=str(key), name="x", note="y" * 501) == 400
    page = olga.get("/console/app?" + urlencode({"app": cargo.ak})).body.decode()
    assert 'value="CRM"' in page
    assert 'value="rotates in May"' in page
    client = ApiClient(server=console_server, ak=cargo.ak, sk="wrong" * 8)
    client.request("requestPlayVoice", {"fileName": "/x.wav"})
    ApiClient(server=console_server, ak=cargo.ak, sk=SK).request("requestPlayVoice", {"fileName": "/x.wav"})

    def find_use() -> datetime | None:
        with console_server.node.database.read_transaction() as connection:
            return tenants.list_key_details(connection, cargo)[key].last_used_at

    wait_until(find_use, 20)
    assert "CRM" in olga.get_text("/console/apps")


def test_an_administrator_changes_an_app_but_not_what_operators_change(
    signed_in: SignIn, call_centre: CallCentreData, cargo: App
) -> None:
    anna = signed_in("anna")  # of acme
    page = get_page(anna, call_centre.acme)
    assert "Rename" not in page
    assert "Add address" not in page
    assert change(anna, call_centre.acme, "rename", name="mine") == 404
    assert change(anna, call_centre.acme, "callback", prefix="https://evil.example/") == 404
    assert change(anna, call_centre.acme, "zone", account="acme-other", zone="Europe/London") == 303
    for path in ("zone", "vdn", "key"):
        assert change(anna, cargo, path, account="second", zone="UTC", vdn="61", cc="1", key="1") == 404

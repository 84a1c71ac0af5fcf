"""Rows of tenants on both engines: apps, keys, accounts, VDNs, callback prefixes."""

import threading

import pytest

from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database
from ccfs.db.system import tenants
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import Account, App, Vdn
from tests.db import sample_rows
from tests.db.sample_rows import NOW


def add_key(database: Database, app: App, ak: str, sk: str, secret_box: SecretBox) -> None:
    with database.write_transaction() as connection:
        tenants.add_key(connection, app, ak, sk, secret_box, NOW)


def test_apps_are_listed_by_ak_and_found_by_it(database: Database, app: App, other_app: App) -> None:
    with database.read_transaction() as connection:
        assert tenants.list_apps(connection) == [app, other_app]
        assert tenants.get_app_by_ak(connection, "AK-bolt") == other_app


def test_an_unknown_app_is_an_operator_error(database: Database, app: App) -> None:
    with database.read_transaction() as connection, pytest.raises(OperatorError, match="there is no app ak-acme"):
        tenants.get_app_by_ak(connection, "ak-acme")  # AKs are case-sensitive


def test_an_ak_is_unique(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        with pytest.raises(OperatorError, match="AK-acme is taken"):
            tenants.add_app(connection, "again", app.ak, NOW)
        sample_rows.add_app(connection, "after")  # the transaction still works after the error
    with database.read_transaction() as connection:
        assert [app.name for app in tenants.list_apps(connection)] == ["acme", "after"]


def test_the_ak_of_a_revoked_key_of_another_app_stays_taken(
    database: Database, app: App, other_app: App, secret_box: SecretBox
) -> None:
    add_key(database, app, "AK-second", "s2", secret_box)
    with database.write_transaction() as connection:
        tenants.revoke_key(connection, app, tenants.list_keys(connection, app)[0][0], NOW)
    with database.write_transaction() as connection:
        with pytest.raises(OperatorError, match="AK-second is taken"):
            tenants.add_key(connection, other_app, "AK-second", "s3", secret_box, NOW)
        with pytest.raises(OperatorError, match="AK-acme is taken"):
            tenants.add_key(connection, other_app, app.ak, "s3", secret_box, NOW)
        with pytest.raises(OperatorError, match="AK-second is taken"):
            tenants.add_app(connection, "third", "AK-second", NOW)


def test_an_app_has_several_keys_the_newest_first(
    database: Database, app: App, other_app: App, secret_box: SecretBox
) -> None:
    for ak, sk in ((app.ak, "s1"), (app.ak, "s2"), ("AK-acme-b", "s3")):
        add_key(database, app, ak, sk, secret_box)
    add_key(database, other_app, other_app.ak, "of bolt", secret_box)
    with database.read_transaction() as connection:
        active_keys, _ = tenants.list_active_keys(connection, secret_box)
        assert [(key.app, key.ak, key.sk) for key in active_keys] == [
            (other_app, other_app.ak, "of bolt"),
            (app, "AK-acme-b", "s3"),
            (app, app.ak, "s2"),
            (app, app.ak, "s1"),
        ]
        assert [(ak, created_at) for _, ak, created_at in tenants.list_keys(connection, app)] == [
            (app.ak, NOW),
            (app.ak, NOW),
            ("AK-acme-b", NOW),
        ]


def test_a_revoked_key_is_inactive_and_others_stay_active(database: Database, app: App, secret_box: SecretBox) -> None:
    add_key(database, app, app.ak, "s1", secret_box)
    add_key(database, app, app.ak, "s2", secret_box)
    with database.write_transaction() as connection:
        first = tenants.list_keys(connection, app)[0][0]
        tenants.revoke_key(connection, app, first, NOW)
    with database.write_transaction() as connection:
        assert [key.sk for key in tenants.list_active_keys(connection, secret_box)[0]] == ["s2"]
        with pytest.raises(OperatorError, match="no active key"):
            tenants.revoke_key(connection, app, first, NOW)


def test_a_key_of_another_app_cannot_be_revoked(
    database: Database, app: App, other_app: App, secret_box: SecretBox
) -> None:
    add_key(database, app, app.ak, "s1", secret_box)
    with database.write_transaction() as connection:
        number = tenants.list_keys(connection, app)[0][0]
        with pytest.raises(OperatorError):
            tenants.revoke_key(connection, other_app, number, NOW)
        assert tenants.list_keys(connection, other_app) == []
        assert len(tenants.list_active_keys(connection, secret_box)[0]) == 1


def test_accounts_have_zones_and_vdns(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8)
        sample_rows.add_account(connection, app, "200", 9, zone="Europe/London", cc=2)
        sample_rows.add_account(connection, app, "100", 10)
    with database.read_transaction() as connection:
        assert tenants.get_accounts(connection, app) == {
            "100": Account(account_id="100", zone="Asia/Shanghai"),
            "200": Account(account_id="200", zone="Europe/London"),
        }
        assert tenants.list_vdns(connection, app) == [
            Vdn(vdn_id=8, cc_id=1, account_id="100"),
            Vdn(vdn_id=9, cc_id=2, account_id="200"),
            Vdn(vdn_id=10, cc_id=1, account_id="100"),
        ]
        assert tenants.get_accounts(connection, other_app) == {}
        assert tenants.list_vdns(connection, other_app) == []


def test_an_account_given_again_takes_the_new_zone_and_nothing_twice(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8)
        sample_rows.add_account(connection, app, "100", 8, zone="Europe/London")
        assert [account.zone for account in tenants.get_accounts(connection, app).values()] == ["Europe/London"]
        assert len(tenants.list_vdns(connection, app)) == 1


def test_a_vdn_of_another_account_is_rejected_and_one_of_another_app_is_not(
    database: Database, app: App, other_app: App
) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8)
        sample_rows.add_account(connection, other_app, "100", 8)
        with pytest.raises(OperatorError, match="VDN 8 belongs to account 100"):
            sample_rows.add_account(connection, app, "200", 8, cc=2)
        assert list(tenants.get_accounts(connection, app)) == ["100"]


def test_only_one_of_two_transactions_gets_a_vdn(database: Database, app: App) -> None:
    errors: list[str] = []

    def add_second_account() -> None:
        try:
            with database.write_transaction() as connection:
                sample_rows.add_account(connection, app, "200", 8)
        except OperatorError as error:
            errors.append(str(error))

    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8)
        thread = threading.Thread(target=add_second_account)
        thread.start()
        thread.join(0.2)  # it must wait for the first
        assert thread.is_alive()
    thread.join()
    assert errors == ["VDN 8 belongs to account 100"]


def test_callback_prefixes_are_bound_once_and_unbound(database: Database, app: App, other_app: App) -> None:
    with database.write_transaction() as connection:
        for prefix in ("https://b.example/cb/", "https://a.example/", "https://b.example/cb/"):
            tenants.bind_callback(connection, app, prefix)
        assert list(tenants.get_callback_prefixes(connection, app)) == ["https://a.example/", "https://b.example/cb/"]
        assert tenants.get_callback_prefixes(connection, other_app) == {}
        with pytest.raises(OperatorError, match="not bound for AK-bolt"):
            tenants.unbind_callback(connection, other_app, "https://a.example/")
        tenants.unbind_callback(connection, app, "https://a.example/")
        assert list(tenants.get_callback_prefixes(connection, app)) == ["https://b.example/cb/"]


def test_a_rejected_change_is_not_counted(database: Database, app: App) -> None:
    def count_changes() -> int:
        with database.read_transaction() as connection:
            return tenants.CHANGE_COUNTER.get(connection)

    before = count_changes()
    with pytest.raises(OperatorError), database.write_transaction() as connection:
        tenants.unbind_callback(connection, app, "https://nowhere.example/")
    assert count_changes() == before
    with database.write_transaction() as connection:
        tenants.bind_callback(connection, app, "https://a.example/")
    assert count_changes() == before + 1

"""Secrets at rest: never in clear in the database's files, decrypted by every node key, encrypted by the newest."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ccfs.db.encryption import DecryptionFailed, SecretBox, load_or_create_keys
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import stored_secrets, tenants
from ccfs.db.system.console import users
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import AccessKey, App
from tests.db import sample_rows
from tests.db.child_processes import run_in_processes
from tests.db.sample_rows import NOW

SK = "kL9-this-must-not-be-found-Zq3"
OLD_KEY, NEW_KEY, UNKNOWN_KEY = (Fernet.generate_key().decode() for _ in range(3))


def list_sks(database: Database, *keys: str) -> tuple[list[str], list[bool]]:
    """Return the SKs that the node keys decrypt, and for each other one whether it is damaged."""
    with database.read_transaction() as connection:
        readable, unreadable = tenants.list_active_keys(connection, SecretBox(keys))
    return [key.sk for key in readable], [key.is_damaged for key in unreadable]


def test_an_sk_is_never_in_clear_in_the_files_of_the_database(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    upgrade(database)
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        tenants.add_key(connection, app, app.ak, SK, SecretBox((OLD_KEY,)), NOW)
        stored_secrets.reencrypt(connection, SecretBox((NEW_KEY, OLD_KEY)))
    open_files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    database.close()
    closed_file = (tmp_path / "ccfs.db").read_bytes()
    assert app.ak.encode() in open_files["ccfs.db-wal"]  # so the search does find stored text
    assert app.ak.encode() in closed_file
    assert not any(SK.encode() in data for data in (*open_files.values(), closed_file))


def test_node_keys_rotate(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        tenants.add_key(connection, app, app.ak, SK, SecretBox((OLD_KEY,)), NOW)
    both_keys = SecretBox((NEW_KEY, OLD_KEY))
    assert list_sks(database, NEW_KEY, OLD_KEY) == ([SK], [])
    assert list_sks(database, NEW_KEY) == ([], [False])
    with database.write_transaction() as connection:
        assert stored_secrets.reencrypt(connection, both_keys) == 1
    assert list_sks(database, NEW_KEY) == ([SK], [])
    assert list_sks(database, OLD_KEY) == ([], [False])


def test_a_second_factor_is_encrypted_again_with_the_sks(database: Database) -> None:
    with database.write_transaction() as connection:
        user = users.add(connection, "ann", "", NOW)
        users.set_second_factor(connection, user, SecretBox((OLD_KEY,)).encrypt("TOTP"))
    with database.write_transaction() as connection:
        assert stored_secrets.reencrypt(connection, SecretBox((NEW_KEY, OLD_KEY))) == 1
    with database.read_transaction() as connection:
        _, encrypted_totp, _ = users.get_credentials(connection, user)
    assert SecretBox((NEW_KEY,)).decrypt(encrypted_totp) == "TOTP"


def test_reencryption_without_the_old_key_changes_nothing(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        tenants.add_key(connection, app, app.ak, SK, SecretBox((OLD_KEY,)), NOW)
        tenants.add_key(connection, app, app.ak, "another", SecretBox((NEW_KEY,)), NOW)
    with pytest.raises(OperatorError, match=f"SK of app {app.ak}, key"), database.write_transaction() as connection:
        stored_secrets.reencrypt(connection, SecretBox((UNKNOWN_KEY, NEW_KEY)))
    assert list_sks(database, OLD_KEY) == ([SK], [False])
    assert list_sks(database, NEW_KEY) == (["another"], [False])


def test_a_revoked_key_that_no_node_key_decrypts_does_not_stop_reencryption(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        tenants.add_key(connection, app, app.ak, SK, SecretBox((UNKNOWN_KEY,)), NOW)
        tenants.add_key(connection, app, app.ak, "another", SecretBox((OLD_KEY,)), NOW)
        revoked = tenants.revoke_unreadable_keys(connection, SecretBox((OLD_KEY,)), NOW)
        assert [key.app for key in revoked] == [app]
        assert stored_secrets.reencrypt(connection, SecretBox((NEW_KEY, OLD_KEY))) == 1
    assert list_sks(database, NEW_KEY) == (["another"], [])


@pytest.mark.parametrize("damage", ["A{}", "{}x", "{}.", "."], ids=str)
def test_a_damaged_text_differs_from_one_that_another_key_encrypted(damage: str) -> None:
    intact = SecretBox((UNKNOWN_KEY,)).encrypt(SK)
    for encrypted, is_damaged in (
        (intact, False),
        (damage.format(intact), True),
        (intact[:-1], True),
        (intact[1:], True),
    ):
        with pytest.raises(DecryptionFailed) as raised:
            SecretBox((OLD_KEY,)).decrypt(encrypted)
        assert raised.value.is_damaged is is_damaged


def test_every_changed_character_of_a_stored_secret_is_noticed() -> None:
    secret_box = SecretBox((OLD_KEY,))
    intact = secret_box.encrypt(SK)
    token_size = intact.index(".")
    for at in range(token_size):
        changed = intact[:at] + ("A" if intact[at] != "A" else "B") + intact[at + 1 :]
        with pytest.raises(DecryptionFailed) as raised:
            secret_box.decrypt(changed)
        assert raised.value.is_damaged


@pytest.mark.parametrize("secret", ["", SK, "秘密", "x" * 10_000])
def test_an_encrypted_secret_is_decrypted_and_differs_each_time(secret: str) -> None:
    secret_box = SecretBox((NEW_KEY, OLD_KEY))
    assert secret_box.decrypt(secret_box.encrypt(secret)) == secret
    assert secret_box.encrypt(secret) != secret_box.encrypt(secret)


@pytest.mark.parametrize(
    "encrypted",
    ["", "nonsense", Fernet(UNKNOWN_KEY).encrypt(b"secret").decode()],
    ids=["nothing", "nonsense", "by another key"],
)
def test_a_text_that_no_key_encrypted_is_not_decrypted(encrypted: str) -> None:
    with pytest.raises(OperatorError, match="none of the node keys"):
        SecretBox((NEW_KEY, OLD_KEY)).decrypt(encrypted)


@pytest.mark.parametrize("keys", [(), ("short",), (OLD_KEY, "schlüssel"), (OLD_KEY[:-4],)])
def test_a_malformed_key_is_an_operator_error(keys: tuple[str, ...]) -> None:
    with pytest.raises(OperatorError, match="node key"):
        SecretBox(keys)


def test_the_key_file_is_created_once_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    keys = load_or_create_keys(folder)
    assert load_or_create_keys(folder) == keys
    assert [path.name for path in folder.iterdir()] == ["node.keys"]
    assert stat.S_IMODE((folder / "node.keys").stat().st_mode) == 0o600
    SecretBox(keys)


def test_the_key_file_has_one_key_a_line_the_newest_first(tmp_path: Path) -> None:
    (tmp_path / "node.keys").write_text(f"{NEW_KEY}\n\n{OLD_KEY}\n")
    assert load_or_create_keys(tmp_path) == (NEW_KEY, OLD_KEY)


def test_processes_that_create_the_key_file_at_once_agree(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    results = run_in_processes(5, "node_keys", folder)
    assert results == [results[0]] * 5
    assert results[0] == list(load_or_create_keys(folder))
    assert [path.name for path in folder.iterdir()] == ["node.keys"]


def test_the_repr_of_an_access_key_hides_its_secret() -> None:
    key = AccessKey(id=1, app=App(id=1, ak="AK-acme", name="acme"), ak="AK-acme", sk=SK)
    assert SK not in repr(key)
    assert SK not in f"{key!s} {[key]}"

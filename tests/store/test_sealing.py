"""Secrets at rest: never in clear in the database's files, opened by every node key, sealed by the newest."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ccfs.model.errors import Misuse
from ccfs.model.tenancy import AccessKey, App
from ccfs.store import tenancy
from ccfs.store.db import Database, open_database
from ccfs.store.sealing import Sealer, keys_in
from ccfs.store.upgrade import upgrade
from tests.store import given
from tests.store.child import together
from tests.store.given import NOW

SK = "kL9-this-must-not-be-found-Zq3"
OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))


def test_an_sk_never_stands_in_the_files_of_the_database(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    upgrade(database)
    with database.writing() as connection:
        app = given.app(connection)
        tenancy.add_key(connection, app, app.ak, SK, Sealer((OLD,)), NOW)
        tenancy.reseal(connection, Sealer((NEW, OLD)))
    while_open = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    database.close()
    afterwards = (tmp_path / "ccfs.db").read_bytes()
    assert app.ak.encode() in while_open["ccfs.db-wal"]  # so the search would find what is there
    assert app.ak.encode() in afterwards
    assert not any(SK.encode() in data for data in (*while_open.values(), afterwards))


def test_node_keys_rotate_by_their_list(database: Database, app: App) -> None:
    with database.writing() as connection:
        tenancy.add_key(connection, app, app.ak, SK, Sealer((OLD,)), NOW)
    both = Sealer((NEW, OLD))
    with database.writing() as connection:
        assert [key.sk for key in tenancy.living_keys(connection, both)] == [SK]
        with pytest.raises(Misuse, match="none of the node's keys"):
            tenancy.living_keys(connection, Sealer((NEW,)))
        assert tenancy.reseal(connection, both) == 1
    with database.reading() as connection:
        assert [key.sk for key in tenancy.living_keys(connection, Sealer((NEW,)))] == [SK]
        with pytest.raises(Misuse):
            tenancy.living_keys(connection, Sealer((OLD,)))


def test_resealing_without_the_old_key_changes_nothing(database: Database, app: App) -> None:
    with database.writing() as connection:
        tenancy.add_key(connection, app, app.ak, SK, Sealer((OLD,)), NOW)
    with pytest.raises(Misuse, match="none of the node's keys"), database.writing() as connection:
        tenancy.reseal(connection, Sealer((NEW,)))
    with database.reading() as connection:
        assert [key.sk for key in tenancy.living_keys(connection, Sealer((OLD,)))] == [SK]


@pytest.mark.parametrize("secret", ["", SK, "秘密", "x" * 10_000])
def test_a_sealed_secret_opens_and_is_sealed_differently_each_time(secret: str) -> None:
    sealer = Sealer((NEW, OLD))
    assert sealer.open(sealer.seal(secret)) == secret
    assert sealer.seal(secret) != sealer.seal(secret)


@pytest.mark.parametrize(
    "sealed",
    ["", "nonsense", Fernet(STRANGE).encrypt(b"secret").decode()],
    ids=["nothing", "nonsense", "by another key"],
)
def test_what_none_of_the_keys_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(Misuse, match="none of the node's keys"):
        Sealer((NEW, OLD)).open(sealed)


@pytest.mark.parametrize("keys", [(), ("short",), (OLD, "schlüssel"), (OLD[:-4],)])
def test_what_is_no_key_is_misuse(keys: tuple[str, ...]) -> None:
    with pytest.raises(Misuse, match="node key"):
        Sealer(keys)


def test_the_key_file_is_for_its_owner_only_and_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    keys = keys_in(folder)
    assert keys_in(folder) == keys
    assert [path.name for path in folder.iterdir()] == ["node.keys"]
    assert stat.S_IMODE((folder / "node.keys").stat().st_mode) == 0o600
    Sealer(keys)


def test_the_key_file_holds_a_key_a_line_the_newest_first(tmp_path: Path) -> None:
    (tmp_path / "node.keys").write_text(f"{NEW}\n\n{OLD}\n")
    assert keys_in(tmp_path) == (NEW, OLD)


def test_processes_that_make_the_key_file_at_once_agree(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    answers = together(5, "node_keys", folder)
    assert answers == [answers[0]] * 5
    assert answers[0] == list(keys_in(folder))
    assert [path.name for path in folder.iterdir()] == ["node.keys"]


def test_an_access_key_does_not_show_its_secret() -> None:
    key = AccessKey(id=1, app=App(id=1, ak="AK-acme", name="acme"), ak="AK-acme", sk=SK)
    assert SK not in repr(key)
    assert SK not in f"{key!s} {[key]}"

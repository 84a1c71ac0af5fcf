"""The audit log on both engines: filters, order and pages."""

from datetime import timedelta
from typing import Any

import pytest

from ccfs.db.engine import Database
from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND

DAY = timedelta(days=1)


def make_entry(**more: Any) -> AuditEntry:
    defaults: dict[str, Any] = {
        "logged_at": NOW,
        "actor": "emil",
        "action": AuditAction.CALL_VIEWED,
        "target": "c-1",
        "address": "192.0.2.7",
    }
    return AuditEntry(**defaults | more)


def add_entry(database: Database, *entries: AuditEntry) -> None:
    with database.write_transaction() as connection:
        for entry in entries:
            audit.add(connection, entry)


def find_entries(database: Database, **filters: Any) -> list[AuditEntry]:
    with database.read_transaction() as connection:
        query = AuditQuery(**{"begin": NOW, "end": NOW + DAY} | filters)
        return [entry for _, entry in audit.list_entries(connection, query)]


def test_an_entry_is_stored_without_nul_characters_and_truncated(database: Database, app: App) -> None:
    whole = make_entry(app=app.id, account_id="100", target="坐席 7")
    add_entry(database, whole, make_entry(logged_at=NOW + SECOND, target="\0" + "x" * 600))
    long, first = find_entries(database)
    assert first == whole
    assert long.target == "x" * 500


def test_entries_of_a_time_range_are_listed_newest_first(database: Database) -> None:
    instants = [NOW - SECOND, NOW, NOW + DAY - SECOND, NOW + DAY]
    add_entry(database, *(make_entry(logged_at=at) for at in instants))
    assert [entry.logged_at for entry in find_entries(database)] == [NOW + DAY - SECOND, NOW]


def test_entries_are_filtered_by_user_and_action(database: Database) -> None:
    add_entry(
        database, make_entry(), make_entry(actor="lucy"), make_entry(action=AuditAction.LOGGED_IN), make_entry(actor="")
    )
    assert len(find_entries(database)) == 4
    assert [entry.actor for entry in find_entries(database, actor="lucy")] == ["lucy"]
    assert [entry.action for entry in find_entries(database, actions=(AuditAction.LOGGED_IN,))] == [
        AuditAction.LOGGED_IN
    ]
    assert find_entries(database, actor="lucy", actions=(AuditAction.LOGGED_IN,)) == []


def test_entries_are_filtered_by_apps_and_accounts(database: Database, app: App, other_app: App) -> None:
    add_entry(
        database,
        make_entry(app=app.id, account_id="100"),
        make_entry(app=app.id, account_id="200"),
        make_entry(app=app.id),
    )
    add_entry(database, make_entry(app=other_app.id, account_id="100"), make_entry())
    counts = {
        scopes: len(find_entries(database, scopes=scopes))
        for scopes in (None, (), ((app.id, ""),), ((app.id, "100"),), ((app.id, "200"), (other_app.id, "100")))
    }
    assert list(counts.values()) == [5, 0, 3, 1, 2]


def test_a_page_continues_after_the_previous_one_even_within_one_instant(database: Database) -> None:
    add_entry(
        database, *(make_entry(target=f"{number}", logged_at=NOW + (number // 3) * SECOND) for number in range(8))
    )
    targets, before = [], None
    for _ in range(4):
        with database.read_transaction() as connection:
            rows = audit.list_entries(connection, AuditQuery(begin=NOW, end=NOW + DAY, before_row=before, limit=3))
        targets += [entry.target for _, entry in rows]
        before = rows[-1][0] if rows else before
    assert targets == [str(number) for number in reversed(range(8))]


@pytest.mark.parametrize("field", ["actor", "target", "address", "account_id"])
def test_an_equal_entry_is_found_and_a_different_one_is_not(database: Database, field: str) -> None:
    add_entry(database, make_entry())
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, make_entry(), NOW)
        assert not audit.was_logged_since(connection, make_entry(), NOW + SECOND)
        assert not audit.was_logged_since(connection, make_entry(**{field: "else"}), NOW)


def test_an_entry_is_compared_as_it_was_stored_and_within_its_app(database: Database, app: App) -> None:
    add_entry(database, make_entry(app=app.id, target="x" * 600))
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, make_entry(app=app.id, target="x" * 900), NOW)  # as it was stored
        assert not audit.was_logged_since(connection, make_entry(target="x" * 600), NOW)


def test_actors_are_the_users_with_entries_since_then(database: Database) -> None:
    add_entry(
        database,
        make_entry(),
        make_entry(actor="lucy"),
        make_entry(actor="lucy"),
        make_entry(actor=""),
        make_entry(actor="old", logged_at=NOW - MINUTE),
    )
    with database.read_transaction() as connection:
        assert audit.list_actors(connection, NOW) == ["emil", "lucy"]

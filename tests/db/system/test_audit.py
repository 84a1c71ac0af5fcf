"""The log of who did what, as rows on both engines: what fits a question, in what order, and page after page."""

from datetime import timedelta
from typing import Any

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import audit
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND

DAY = timedelta(days=1)


def make_entry(**more: Any) -> AuditEntry:
    usual: dict[str, Any] = {
        "logged_at": NOW,
        "actor": "emil",
        "action": AuditAction.CALL_VIEWED,
        "target": "c-1",
        "address": "192.0.2.7",
    }
    return AuditEntry(**usual | more)


def add_entry(database: Database, *entries: AuditEntry) -> None:
    with database.write_transaction() as connection:
        for one in entries:
            audit.add(connection, one)


def find_entries(database: Database, **asked: Any) -> list[AuditEntry]:
    with database.read_transaction() as connection:
        return [
            one for _, one in audit.list_entries(connection, AuditQuery(**{"begin": NOW, "end": NOW + DAY} | asked))
        ]


def test_an_entry_comes_back_as_it_was_without_zeros_and_not_too_long(database: Database, app: App) -> None:
    whole = make_entry(app=app.id, account_id="100", target="坐席 7")
    add_entry(database, whole, make_entry(logged_at=NOW + SECOND, target="\0" + "x" * 600))
    long, first = find_entries(database)
    assert first == whole
    assert long.target == "x" * 500


def test_entries_of_a_time_come_newest_first(database: Database) -> None:
    moments = [NOW - SECOND, NOW, NOW + DAY - SECOND, NOW + DAY]
    add_entry(database, *(make_entry(logged_at=at) for at in moments))
    assert [one.logged_at for one in find_entries(database)] == [NOW + DAY - SECOND, NOW]


def test_entries_are_asked_for_by_person_and_action(database: Database) -> None:
    add_entry(
        database, make_entry(), make_entry(actor="lucy"), make_entry(action=AuditAction.LOGGED_IN), make_entry(actor="")
    )
    assert len(find_entries(database)) == 4
    assert [one.actor for one in find_entries(database, actor="lucy")] == ["lucy"]
    assert [one.action for one in find_entries(database, action=AuditAction.LOGGED_IN)] == [AuditAction.LOGGED_IN]
    assert find_entries(database, actor="lucy", action=AuditAction.LOGGED_IN) == []


def test_entries_are_of_the_apps_and_accounts_that_one_may_see(database: Database, app: App, other_app: App) -> None:
    add_entry(
        database,
        make_entry(app=app.id, account_id="100"),
        make_entry(app=app.id, account_id="200"),
        make_entry(app=app.id),
    )
    add_entry(database, make_entry(app=other_app.id, account_id="100"), make_entry())
    counts = {
        within: len(find_entries(database, scopes=within))
        for within in (None, (), ((app.id, ""),), ((app.id, "100"),), ((app.id, "200"), (other_app.id, "100")))
    }
    assert list(counts.values()) == [5, 0, 3, 1, 2]


def test_a_page_goes_on_where_the_one_before_ended_even_within_one_moment(database: Database) -> None:
    add_entry(
        database, *(make_entry(target=f"{number}", logged_at=NOW + (number // 3) * SECOND) for number in range(8))
    )
    seen, before = [], None
    for _ in range(4):
        with database.read_transaction() as connection:
            rows = audit.list_entries(connection, AuditQuery(begin=NOW, end=NOW + DAY, before_row=before, limit=3))
        seen += [one.target for _, one in rows]
        before = rows[-1][0] if rows else before
    assert seen == [str(number) for number in reversed(range(8))]


@pytest.mark.parametrize("field", ["actor", "target", "address", "account_id"])
def test_the_same_is_told_already_if_nothing_differs(database: Database, field: str) -> None:
    add_entry(database, make_entry())
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, make_entry(), NOW)
        assert not audit.was_logged_since(connection, make_entry(), NOW + SECOND)
        assert not audit.was_logged_since(connection, make_entry(**{field: "else"}), NOW)


def test_it_is_compared_as_it_was_kept_and_within_its_app(database: Database, app: App) -> None:
    add_entry(database, make_entry(app=app.id, target="x" * 600))
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, make_entry(app=app.id, target="x" * 900), NOW)  # as it was kept
        assert not audit.was_logged_since(connection, make_entry(target="x" * 600), NOW)


def test_names_are_of_those_who_did_anything_since_then(database: Database) -> None:
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

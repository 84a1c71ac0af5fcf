"""The log of who did what, as rows on both engines: what fits a question, in what order, and page after page."""

from datetime import timedelta
from typing import Any

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import audit
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App
from tests.store.given import MINUTE, NOW, SECOND

DAY = timedelta(days=1)


def entry(**more: Any) -> AuditEntry:
    usual: dict[str, Any] = {
        "at": NOW,
        "who": "emil",
        "action": AuditAction.CALL_VIEWED,
        "what": "c-1",
        "address": "192.0.2.7",
    }
    return AuditEntry(**usual | more)


def add(database: Database, *entries: AuditEntry) -> None:
    with database.write_transaction() as connection:
        for one in entries:
            audit.add(connection, one)


def found(database: Database, **asked: Any) -> list[AuditEntry]:
    with database.read_transaction() as connection:
        return [
            one for _, one in audit.list_entries(connection, AuditQuery(**{"begin": NOW, "end": NOW + DAY} | asked))
        ]


def test_an_entry_comes_back_as_it_was_without_zeros_and_not_too_long(database: Database, app: App) -> None:
    whole = entry(app=app.id, account_id="100", what="坐席 7")
    add(database, whole, entry(at=NOW + SECOND, what="\0" + "x" * 600))
    long, first = found(database)
    assert first == whole
    assert long.target == "x" * 500


def test_entries_of_a_time_come_newest_first(database: Database) -> None:
    moments = [NOW - SECOND, NOW, NOW + DAY - SECOND, NOW + DAY]
    add(database, *(entry(at=at) for at in moments))
    assert [one.logged_at for one in found(database)] == [NOW + DAY - SECOND, NOW]


def test_entries_are_asked_for_by_person_and_action(database: Database) -> None:
    add(database, entry(), entry(who="lucy"), entry(action=AuditAction.LOGGED_IN), entry(who=""))
    assert len(found(database)) == 4
    assert [one.actor for one in found(database, who="lucy")] == ["lucy"]
    assert [one.action for one in found(database, action=AuditAction.LOGGED_IN)] == [AuditAction.LOGGED_IN]
    assert found(database, who="lucy", action=AuditAction.LOGGED_IN) == []


def test_entries_are_of_the_apps_and_accounts_that_one_may_see(database: Database, app: App, other: App) -> None:
    add(database, entry(app=app.id, account_id="100"), entry(app=app.id, account_id="200"), entry(app=app.id))
    add(database, entry(app=other.id, account_id="100"), entry())
    counts = {
        within: len(found(database, within=within))
        for within in (None, (), ((app.id, ""),), ((app.id, "100"),), ((app.id, "200"), (other.id, "100")))
    }
    assert list(counts.values()) == [5, 0, 3, 1, 2]


def test_a_page_goes_on_where_the_one_before_ended_even_within_one_moment(database: Database) -> None:
    add(database, *(entry(what=f"{number}", at=NOW + (number // 3) * SECOND) for number in range(8)))
    seen, before = [], None
    for _ in range(4):
        with database.read_transaction() as connection:
            rows = audit.list_entries(connection, AuditQuery(begin=NOW, end=NOW + DAY, before_row=before, limit=3))
        seen += [one.target for _, one in rows]
        before = rows[-1][0] if rows else before
    assert seen == [str(number) for number in reversed(range(8))]


@pytest.mark.parametrize("field", ["who", "what", "address", "account_id"])
def test_the_same_is_told_already_if_nothing_differs(database: Database, field: str) -> None:
    add(database, entry())
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, entry(), NOW)
        assert not audit.was_logged_since(connection, entry(), NOW + SECOND)
        assert not audit.was_logged_since(connection, entry(**{field: "else"}), NOW)


def test_it_is_compared_as_it_was_kept_and_within_its_app(database: Database, app: App) -> None:
    add(database, entry(app=app.id, what="x" * 600))
    with database.read_transaction() as connection:
        assert audit.was_logged_since(connection, entry(app=app.id, what="x" * 900), NOW)  # as it was kept
        assert not audit.was_logged_since(connection, entry(what="x" * 600), NOW)


def test_names_are_of_those_who_did_anything_since_then(database: Database) -> None:
    add(database, entry(), entry(who="lucy"), entry(who="lucy"), entry(who=""), entry(who="old", at=NOW - MINUTE))
    with database.read_transaction() as connection:
        assert audit.list_actors(connection, NOW) == ["emil", "lucy"]

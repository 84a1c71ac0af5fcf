"""Rows of saved searches on both engines: their app, their account, their number, and names that two users save at once."""

from dataclasses import replace

import pytest

from ccfs.db.engine import Database
from ccfs.db.system.console import users
from ccfs.db.tenant import saved_searches
from ccfs.db.tenant.saved_searches import SearchNameTaken, TooManySearches
from ccfs.model.calls.saved_search import SHARED, SavedSearch
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.sample_rows import NOW


@pytest.fixture
def search(database: Database) -> SavedSearch:
    """A private search of a user, not stored."""
    with database.write_transaction() as connection:
        user = users.add(connection, "emil", "", NOW)
    return SavedSearch(
        id="1", account_id="100", owner=user.id, author=user.id, name="Späte Anrufe", query="period=week", saved_at=NOW
    )


def test_a_search_is_of_its_app_account_and_owner(database: Database, app: App, search: SavedSearch) -> None:
    with database.write_transaction() as connection:
        other = sample_rows.add_app(connection, "bolt")
        for number, (owner, account_id) in enumerate(((search.owner, "100"), (SHARED, "100"), (search.owner, "200"))):
            one = replace(search, id=str(number), owner=owner, account_id=account_id)
            saved_searches.save(connection, app, one)
        found = saved_searches.list_visible(connection, app, "100", search.owner)
        assert [(one.id, one.is_shared, one.author_name) for one in found] == [
            ("0", False, "emil"),
            ("1", True, "emil"),
        ]
        assert [one.id for one in saved_searches.list_visible(connection, app, "100", 999)] == ["1"]
        assert saved_searches.list_visible(connection, other, "100", search.owner) == []
        assert saved_searches.find_visible(connection, other, "100", search.owner, "0") is None
        saved_searches.delete(connection, other, found[0])
        assert saved_searches.find_visible(connection, app, "100", search.owner, "0") == found[0]
        saved_searches.delete(connection, app, found[0])
        assert saved_searches.find_visible(connection, app, "100", search.owner, "0") is None


def test_a_taken_name_and_too_many_searches_are_rejected(
    database: Database, app: App, search: SavedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_searches, "MAX_SAVED", 2)
    with database.write_transaction() as connection:
        saved_searches.save(connection, app, search)
        saved_searches.save(connection, app, replace(search, id="2", name="b"))
    same_name = replace(search, id="3", name="SPÄTE ANRUFE")
    for wrong, error in (
        (replace(same_name, id="2"), SearchNameTaken),
        (replace(search, id="3", name="c"), TooManySearches),
    ):
        with pytest.raises(error), database.write_transaction() as connection:
            saved_searches.save(connection, app, wrong)
    with database.write_transaction() as connection:
        saved_searches.save(connection, app, replace(same_name, query="period=7"), replaces=True)
        found = saved_searches.list_visible(connection, app, "100", search.owner)
    assert [(one.id, one.name, one.query) for one in found] == [
        ("2", "b", "period=week"),
        ("1", "SPÄTE ANRUFE", "period=7"),
    ]

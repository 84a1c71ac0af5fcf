"""Searches by parts and other forms of numbers, by names in any case, and by several agents, on both engines."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random

import pytest

from ccfs.db.engine import Database
from ccfs.db.tenant.calls import call_search, cdrs, search_index, text_filters
from ccfs.db.tenant.calls.search_index import ValueKind
from ccfs.model.calls import partition_month
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.calls.search_text import fold_value, list_number_terms, list_word_terms
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows

DAY = timedelta(days=1)
CALLS = {  # callId: caller, caller's name, agent, queue
    "blanks": ("0117 496 0006", "Maeve Byrne", "1001", "Sales"),
    "international": ("+44 (0)117-496-0007", "", "1002", "sales"),
    "zeros": ("0044 117 496 0008", "maeve o'neill", "1003", "Support EN"),
    "brackets": ("(020) 7946.0009", "王小明", "Alice", ""),
    "sip": ("sip:alice@example.com", "ALICE", "alice", ""),
    "anonymous": ("Anonymous", "", "", ""),
    "short": ("603", "", "10", "603"),
}


FOUND = {  # callIds, and the texts that find them
    "blanks": (
        *("0117 496 0006", "0117-4960006", "+441174960006", "0044 117 496 0006", "441174960006", "4960006"),
        *("0006", "006", "+44 (0)117 496 0006", "Byrne"),
    ),
    "international": ("01174960007", "+44 117 496 0007", "00441174960007", "0007"),
    "zeros": ("0117 496 0008", "+441174960008"),
    "blanks international zeros": ("117496", "0117 496"),
    "brackets": ("02079460009", "(020) 7946", "+44 20 7946 0009", "小明"),
    "sip": ("sip:alice@example.com", "example"),
    "anonymous": ("anonymous", "ANON"),
    "short": ("603",),
    "blanks short": ("0006, 603",),
    "blanks international": ("0006,0007",),
    "blanks zeros": ("maeve",),
    "": ("yrne", "60", "00060", "--", "%", "_"),
}


@pytest.fixture
def calls(database: Database, app: App, other_app: App) -> None:
    """Add the calls; another account and another app have calls of the same numbers."""
    with database.write_transaction() as connection:
        rows = [make_leg(call_id, *values) for call_id, values in CALLS.items()]
        cdrs.add(connection, app, rows)
        cdrs.add(connection, app, [replace(row, account_id="200") for row in rows])
        cdrs.add(connection, other_app, rows)


def make_leg(call_id: str, caller: str, name: str = "", agent: str = "", queue: str = "") -> Cdr:
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id=call_id, begin=sample_rows.NOW, source_key=call_id,
        caller_no=caller, caller_name=name, callee_no="0800 111", agent_id=agent, current_skill_id=queue,
    )  # fmt: skip


def find_calls(database: Database, app: App, order: SearchOrder = SearchOrder.NEWEST, **texts: str) -> set[str]:
    window = TimeWindow(begin=sample_rows.NOW - DAY, end=sample_rows.NOW + DAY)
    search = CallSearch(account_id="100", window=window, order=order, **texts)  # type: ignore[arg-type]
    with database.read_transaction() as connection:
        hits = call_search.find_calls(connection, app, search, 60).hits
        assert call_search.count_calls(connection, app, search, 100, 60).number == len(hits)
    return {hit.call_id for hit in hits}


@pytest.mark.parametrize("most", [text_filters.MAX_VALUES, 0], ids=["by values", "by comparing"])
def test_each_form_and_each_part_of_a_number_finds_its_calls(
    database: Database, app: App, calls: None, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_filters, "MAX_VALUES", most)
    for found, texts in FOUND.items():
        for asked, order in product(texts, (SearchOrder.NEWEST, SearchOrder.LONGEST)):
            assert find_calls(database, app, order, caller_no=asked) == set(found.split()), (asked, order)


def test_agents_and_queues_are_found_in_any_case_and_several_at_once(database: Database, app: App, calls: None) -> None:
    for asked, found in {
        "1001, 1002": {"blanks", "international"},
        "ALICE": {"brackets", "sip"},
        "100": {"blanks", "international", "zeros"},
        "10": {"short"},
        "nobody": set(),
    }.items():
        assert find_calls(database, app, agent_id=asked) == found, asked
    assert find_calls(database, app, queue="SALES") == {"blanks", "international"}
    assert find_calls(database, app, queue="supp") == {"zeros"}
    assert find_calls(database, app, any_text="alice") == {"brackets", "sip"}
    assert find_calls(database, app, any_text="603") == {"short"}
    assert find_calls(database, app, any_text="0800") == set(CALLS)
    assert find_calls(database, app, any_text="maeve", agent_id="1003") == {"zeros"}


def test_listed_values_and_compared_keys_agree(database: Database, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(5)
    numbers = ["".join(random.choices("0123", k=random.randrange(1, 9))) for _ in range(60)]
    names = [" ".join(random.choices(["an", "anna", "ben", "x1001", "1001"], k=2)) for _ in range(60)]
    rows = [make_leg(f"c{at}", caller, name) for at, (caller, name) in enumerate(zip(numbers, names, strict=True))]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, rows)
    for text in (
        *("".join(random.choices("0123", k=random.randrange(3, 6))) for _ in range(25)),
        "an",
        "anna",
        "1001 b",
    ):
        terms = list_number_terms(text)
        by_name = list_word_terms(text) if terms == list_word_terms(text) else []
        expected = {
            row.call_id
            for row in rows
            if any(term.matches(fold_value(row.caller_no)) for term in terms)
            or any(term.matches(fold_value(row.caller_name)) for term in by_name)
        }
        for most in (1000, 0):
            monkeypatch.setattr(text_filters, "MAX_VALUES", most)
            with database.read_transaction() as connection:
                window = TimeWindow(begin=sample_rows.NOW - DAY, end=sample_rows.NOW + DAY)
                search = CallSearch(account_id="100", window=window, caller_no=text, limit=100)
                found = {hit.call_id for hit in call_search.find_calls(connection, app, search, 60).hits}
            assert found == expected, (text, most)


def test_retention_deletes_values_that_no_later_call_has(database: Database, app: App, other_app: App) -> None:
    old = sample_rows.NOW - timedelta(days=200)
    kept_month = partition_month.month_start(partition_month.month_key(sample_rows.NOW))

    def list_values(owner: App, digits: str) -> list[str] | None:
        with database.read_transaction() as connection:
            return search_index.find_values(connection, owner, "100", ValueKind.CALLER, list_number_terms(digits), 9)

    with database.write_transaction() as connection:
        cdrs.add(connection, app, [replace(make_leg("old", "0207 111"), begin=old)])
        cdrs.add(connection, app, [replace(make_leg("both", "0207 222"), begin=old)])
        cdrs.add(connection, app, [replace(make_leg("again", "0207 222"), begin=sample_rows.NOW)])
        cdrs.add(connection, other_app, [replace(make_leg("old", "0207 111"), begin=old)])
    assert list_values(app, "0207") == ["0207 111", "0207 222"]
    with database.write_transaction() as connection:
        search_index.delete_before(connection, app, kept_month)
    assert list_values(app, "0207") == ["0207 222"]
    assert list_values(other_app, "0207") == ["0207 111"]

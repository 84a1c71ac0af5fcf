"""Queries of calls by an id, on both engines."""

from dataclasses import replace

from ccfs.db.engine import Database
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import call_lookup, cdrs
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.tenant.test_call_search import make_legs


def test_a_call_is_found_by_its_call_id_and_by_the_ids_of_the_switch(
    database: Database, app: App, other_app: App
) -> None:
    leg = replace(make_legs(1, 2)[0], call_id="1700000000-12", switch_call_id="1700000000.12", switch_leg_id="leg.13")
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [leg])
        recordings.add(connection, app, sample_rows.make_recording(1, call_id="only-recorded"), sample_rows.NOW)
    with database.read_transaction() as connection:
        for text in ("1700000000-12", "1700000000.12", "leg.13"):
            assert call_lookup.find_by_any_id(connection, app, ["100"], text) == [("100", "1700000000-12")]
        assert call_lookup.find_by_any_id(connection, app, ["100"], "only-recorded") == [("100", "only-recorded")]
        assert call_lookup.find_by_any_id(connection, app, ["200"], "1700000000.12") == []
        assert call_lookup.find_by_any_id(connection, other_app, ["100"], "1700000000.12") == []


def test_recordings_and_legs_are_of_the_given_accounts(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        for account in ("100", "200"):
            cdrs.add(connection, app, make_legs(1, 40, account))
        for number in range(0, 20, 2):
            recordings.add(
                connection, app, sample_rows.make_recording(number, call_id=f"call-{number}"), sample_rows.NOW
            )
    with database.read_transaction() as connection:
        assert call_lookup.count_recordings(connection, app, ["100"], ["call-0", "call-1"]) == {"call-0": 1}
        assert call_lookup.count_recordings(connection, app, ["200"], ["call-0", "call-1"]) == {}
        call_ids = [f"call-{number}" for number in range(20)]
        calls = call_lookup.find_legs(connection, app, ["200"], call_ids)
    assert calls
    assert {leg.account_id for legs in calls.values() for leg in legs} == {"200"}

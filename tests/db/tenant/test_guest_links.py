"""Guest links: found by their token while they work, counted, and gone with their recording."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.system.console import link_tokens, users
from ccfs.db.tenant import guest_links, recordings
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Grant, Role, User
from ccfs.model.recordings.guest_link import MAX_PER_RECORDING, GuestLinkDraft, LinkState
from ccfs.model.recordings.recording import Recording
from tests.db.sample_rows import MINUTE, NOW, make_recording

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
RECORDING = make_recording(1)
ACCOUNT = RECORDING.account_id


@pytest.fixture
def maker(database: Database, app: App, other_app: App) -> User:
    """An exporter of the app, which has a recording, as the other app has one of the same name."""
    with database.write_transaction() as connection:
        user = users.add(connection, "emil", "", NOW)
        users.grant_role(connection, user, Grant(role=Role.EXPORTER, app=app.id))
        recordings.add(connection, app, RECORDING, NOW)
        recordings.add(connection, other_app, RECORDING, NOW)
    return user


def add(database: Database, app: App, user: User, token: str = "token", **more: Any) -> int | None:
    draft = GuestLinkDraft(**{"expires_at": NOW + DAY} | more)
    with database.write_transaction() as connection:
        return guest_links.add(connection, app, RECORDING, draft, user, token, NOW)


def resolve(database: Database, token: str, after: timedelta = MINUTE) -> tuple[App, Recording] | None:
    with database.read_transaction() as connection:
        found = link_tokens.resolve(connection, token, NOW + after, WEEK)
    return (found[0], found[2]) if found else None


def test_a_link_opens_its_recording_until_it_expires(database: Database, app: App, maker: User) -> None:
    add(database, app, maker)
    assert resolve(database, "token") == (app, RECORDING)
    assert resolve(database, "another") is None
    assert resolve(database, "token", DAY) is None
    assert resolve(database, "token", -WEEK) is None  # a clock was ahead when it was made


def test_a_link_works_only_while_its_maker_may_share(database: Database, app: App, maker: User) -> None:
    add(database, app, maker)
    with database.write_transaction() as connection:
        users.set_disabled(connection, maker, NOW)
    assert resolve(database, "token") is None
    with database.write_transaction() as connection:
        users.set_disabled(connection, maker, None)
    assert resolve(database, "token") == (app, RECORDING)
    with database.write_transaction() as connection:
        users.revoke_role(connection, maker, Grant(role=Role.EXPORTER, app=app.id))
    assert resolve(database, "token") is None


def test_plays_are_counted_up_to_the_greatest_number(database: Database, app: App, maker: User) -> None:
    number = add(database, app, maker, max_plays=2)
    assert number
    with database.write_transaction() as connection:
        link = guest_links.find(connection, app, ACCOUNT, number)
        assert link
        assert [link_tokens.count_play(connection, link, NOW + MINUTE) for _ in range(3)] == [True, True, False]
        played = guest_links.find(connection, app, ACCOUNT, number)
    assert played
    assert (played.plays, played.last_played_at) == (2, NOW + MINUTE)
    assert played.get_state(NOW, WEEK) is LinkState.USED_UP
    assert played.get_state(NOW + DAY, WEEK) is LinkState.EXPIRED


def test_links_are_listed_and_revoked_within_their_app(
    database: Database, app: App, other_app: App, maker: User
) -> None:
    first, second = (add(database, app, maker, token) or 0 for token in ("a", "b"))
    with database.write_transaction() as connection:
        listed = guest_links.list_by_account(connection, app, ACCOUNT, None, 10)
        assert [(link.id, call) for link, call in listed] == [(second, RECORDING.call_id), (first, RECORDING.call_id)]
        assert [link.id for link, _ in guest_links.list_by_account(connection, app, ACCOUNT, second, 1)] == [first]
        assert guest_links.list_by_account(connection, other_app, ACCOUNT, None, 10) == []
        assert guest_links.list_by_recordings(connection, other_app, [RECORDING]) == {}
        assert not guest_links.revoke(connection, other_app, ACCOUNT, first, NOW)
        assert not guest_links.revoke(connection, app, "another", first, NOW)
        assert [guest_links.revoke(connection, app, ACCOUNT, first, NOW) for _ in range(2)] == [True, False]
    assert (resolve(database, "a"), resolve(database, "b")) == (None, (app, RECORDING))


def test_a_link_follows_its_recording_and_goes_with_it(database: Database, app: App, maker: User) -> None:
    add(database, app, maker)
    renamed = replace(make_recording(2), account_id=ACCOUNT)
    with database.write_transaction() as connection:
        recordings.replace(connection, app, RECORDING, renamed)
    assert resolve(database, "token") == (app, renamed)
    with database.write_transaction() as connection:
        connection.exec_driver_sql(f"DELETE FROM recordings WHERE app = {app.id}")
    assert resolve(database, "token") is None
    with database.write_transaction() as connection:
        maintenance.delete_rows_without_recording(connection)
        assert guest_links.list_by_account(connection, app, ACCOUNT, None, 10) == []


def test_a_recording_has_a_limited_number_of_open_links(database: Database, app: App, maker: User) -> None:
    add(database, app, maker, "ended", expires_at=NOW)
    added = [add(database, app, maker, str(number)) for number in range(MAX_PER_RECORDING + 1)]
    assert [number is None for number in added] == [False] * MAX_PER_RECORDING + [True]
    with database.write_transaction() as connection:
        assert link_tokens.delete_ended(connection, NOW, 10) == 0
        assert link_tokens.delete_ended(connection, NOW + MINUTE, 10) == 1

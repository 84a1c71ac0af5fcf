"""People who sign in, as rows on both engines: names, roles, passwords, links, sessions, and who they are elsewhere."""

from datetime import timedelta

import pytest

from ccfs.model.errors import Misuse
from ccfs.model.tenancy import App
from ccfs.model.user import Grant, Role, User
from ccfs.store import departures, sessions, users
from ccfs.store.db import Database
from tests.store.given import MINUTE, NOW, SECOND

IDLE, LASTS = timedelta(minutes=30), timedelta(hours=12)
OPERATOR = Grant(role=Role.OPERATOR)


def add(database: Database, name: str, *grants: Grant) -> User:
    with database.writing() as connection:
        user = users.add(connection, name, f"hash of {name}", NOW)
        for grant in grants:
            users.grant(connection, user, grant)
        found = users.by_id(connection, user.id)
    assert found
    return found


def test_people_are_found_by_name_number_and_all_together(database: Database, app: App) -> None:
    grants = (Grant(role=Role.EXPORTER, app=app.id), Grant(role=Role.LISTENER, app=app.id, account_id="100"))
    lucy, emil = add(database, "lucy"), add(database, "emil", *grants)
    assert emil.grants == grants
    with database.reading() as connection:
        assert users.by_name(connection, "lucy") == users.by_id(connection, lucy.id) == lucy
        assert users.by_name(connection, "Lucy") is None
        assert users.by_id(connection, 0) is None
        assert users.everybody(connection) == [emil, lucy]


def test_a_name_is_given_once(database: Database) -> None:
    add(database, "emil")
    with pytest.raises(Misuse), database.writing() as connection:
        users.add(connection, "emil", "", NOW)


def test_a_role_is_given_once_and_taken_where_it_is(database: Database, app: App, other: App) -> None:
    everywhere, here = Grant(role=Role.LISTENER), Grant(role=Role.LISTENER, app=app.id)
    there, part = Grant(role=Role.LISTENER, app=other.id), Grant(role=Role.LISTENER, app=app.id, account_id="100")
    emil = add(database, "emil", everywhere, here, there, part)
    with database.writing() as connection:
        users.grant(connection, emil, here)  # it is there already
        for taken, left in ((everywhere, (here, there, part)), (here, (there, part)), (part, (there,))):
            users.revoke(connection, emil, taken)
            assert users.everybody(connection)[0].grants == left


def test_somebody_who_is_let_in_stays_operator(database: Database) -> None:
    olga, otto = add(database, "olga", OPERATOR), add(database, "otto", OPERATOR)
    with database.writing() as connection:
        users.set_disabled(connection, otto, NOW)
        assert users.has_operator(connection)
    with pytest.raises(Misuse), database.writing() as connection:
        users.revoke(connection, olga, OPERATOR)
    with database.writing() as connection:
        assert users.everybody(connection)[0].grants == (OPERATOR,)
        users.set_disabled(connection, otto, None)
        users.revoke(connection, olga, OPERATOR)
        assert users.has_operator(connection)


def test_a_code_is_good_once_and_never_after_a_later_one(database: Database) -> None:
    emil = add(database, "emil")
    with database.writing() as connection:
        users.set_second_factor(connection, emil, "sealed")
        assert [users.use_step(connection, emil, step) for step in (5 << 32, 5 << 32, 4, 6 << 32)] == [
            True,
            False,
            False,
            True,
        ]
        assert users.secrets_of(connection, emil) == ("hash of emil", "sealed", 6 << 32)
        [found] = users.everybody(connection)
        assert found.has_second_factor
        users.set_second_factor(connection, emil, "")
        assert users.secrets_of(connection, emil) == ("hash of emil", "", 0)


def test_a_link_is_good_until_its_time_and_once(database: Database) -> None:
    emil = add(database, "emil")
    with database.writing() as connection:
        users.add_link(connection, "first", emil, NOW + MINUTE)
        users.add_link(connection, "second", emil, NOW + MINUTE)
        assert users.link(connection, "first", NOW) == (False, None)  # the newer one replaced it
        assert users.link(connection, "second", NOW) == (True, emil)
        assert users.link(connection, "second", NOW + MINUTE) == (False, None)
        assert [users.use_link(connection, "second") for _ in range(2)] == [True, False]


def test_the_first_operator_s_link_ends_when_there_is_one(database: Database) -> None:
    with database.writing() as connection:
        users.add_link(connection, "old", None, NOW + MINUTE)
        users.add_link(connection, "begin", None, NOW + MINUTE)
        assert users.link(connection, "old", NOW) == (False, None)
        assert users.link(connection, "begin", NOW) == (True, None)
    add(database, "olga", OPERATOR)
    with database.writing() as connection:
        assert users.link(connection, "begin", NOW) == (False, None)
        assert (users.forget_links(connection, NOW), users.forget_links(connection, NOW + MINUTE)) == (0, 1)


def test_a_session_lasts_while_it_is_used_and_not_for_ever(database: Database) -> None:
    emil, token = add(database, "emil"), "a token"
    with database.writing() as connection:
        sessions.begin(connection, emil, token, NOW)

        def whose(later: timedelta, which: str = token) -> tuple[User | None, bool]:
            return sessions.user_of(connection, which, NOW + later, IDLE, LASTS)

        assert whose(SECOND) == (emil, False)
        assert whose(2 * MINUTE) == (emil, True)  # it is to be noted
        assert whose(IDLE) == whose(SECOND, "another") == (None, False)
        sessions.seen(connection, token, NOW + 29 * MINUTE)
        assert whose(IDLE) == (emil, False)
        for step in range(1, 30):
            sessions.seen(connection, token, NOW + step * 25 * MINUTE)
        assert whose(LASTS) == (None, False)
        sessions.end(connection, token)
        assert whose(SECOND) == (None, False)


@pytest.mark.parametrize("how", ["disabled", "password"])
def test_sessions_and_links_end_with_what_opened_them(database: Database, how: str) -> None:
    emil, lucy = add(database, "emil"), add(database, "lucy")
    with database.writing() as connection:
        for user in (emil, lucy):
            sessions.begin(connection, user, user.name, NOW)
            users.add_link(connection, f"link of {user.name}", user, NOW + MINUTE)
        if how == "disabled":
            users.set_disabled(connection, emil, NOW)
        else:
            users.set_password(connection, emil, "another hash")
            assert users.secrets_of(connection, emil)[0] == "another hash"
        living = {name: sessions.user_of(connection, name, NOW, IDLE, LASTS)[0] for name in ("emil", "lucy")}
        assert living == {"emil": None, "lucy": lucy}
        links = {name: users.link(connection, f"link of {name}", NOW)[0] for name in ("emil", "lucy")}
        assert links == {"emil": False, "lucy": True}


def test_old_sessions_are_dropped(database: Database) -> None:
    emil = add(database, "emil")
    with database.writing() as connection:
        for token, seen in (("idle", 0), ("used", 25), ("new", 29)):
            sessions.begin(connection, emil, token, NOW)
            sessions.seen(connection, token, NOW + seen * MINUTE)
        assert sessions.forget_old(connection, NOW + IDLE, IDLE, LASTS) == 1
        assert sessions.forget_old(connection, NOW + LASTS, LASTS, LASTS) == 2


def test_somebody_is_one_person_at_the_sign_in_service(database: Database) -> None:
    emil, lucy = add(database, "emil"), add(database, "lucy")
    with database.writing() as connection:
        assert users.bind(connection, emil, "issuer 7")
        assert not users.bind(connection, emil, "issuer 8")
        found = users.by_subject(connection, "issuer 7")
        assert found is not None
        assert (found.name, found.is_tied) == ("emil", True)
        assert users.by_subject(connection, "issuer 8") is None
        users.unbind(connection, emil)
        assert users.by_subject(connection, "issuer 7") is None
        assert users.bind(connection, lucy, "issuer 7")


def test_a_departure_is_good_for_one_return(database: Database) -> None:
    with database.writing() as connection:
        assert [departures.spend(connection, state, NOW + MINUTE) for state in ("a", "a", "b")] == [True, False, True]
        assert (departures.forget_old(connection, NOW), departures.forget_old(connection, NOW + MINUTE)) == (0, 2)

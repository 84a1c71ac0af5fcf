"""People who sign in, as rows on both engines: names, roles, passwords, links, sessions, and who they are elsewhere."""

from datetime import timedelta

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import oidc_states, sessions, users
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Grant, Role, User
from tests.db.sample_rows import MINUTE, NOW, SECOND

IDLE_TIMEOUT, SESSION_LIFETIME = timedelta(minutes=30), timedelta(hours=12)
OPERATOR = Grant(role=Role.OPERATOR)


def add_user(database: Database, name: str, *grants: Grant) -> User:
    with database.write_transaction() as connection:
        user = users.add(connection, name, f"hash of {name}", NOW)
        for grant in grants:
            users.grant_role(connection, user, grant)
        found = users.find_by_id(connection, user.id)
    assert found
    return found


def test_people_are_found_by_name_number_and_all_together(database: Database, app: App) -> None:
    grants = (Grant(role=Role.EXPORTER, app=app.id), Grant(role=Role.LISTENER, app=app.id, account_id="100"))
    lucy, emil = add_user(database, "lucy"), add_user(database, "emil", *grants)
    assert emil.grants == grants
    with database.read_transaction() as connection:
        assert users.find_by_name(connection, "lucy") == users.find_by_id(connection, lucy.id) == lucy
        assert users.find_by_name(connection, "Lucy") is None
        assert users.find_by_id(connection, 0) is None
        assert users.list_all(connection) == [emil, lucy]


def test_a_name_is_given_once(database: Database) -> None:
    add_user(database, "emil")
    with pytest.raises(OperatorError), database.write_transaction() as connection:
        users.add(connection, "emil", "", NOW)


def test_a_role_is_given_once_and_taken_where_it_is(database: Database, app: App, other_app: App) -> None:
    everywhere, here = Grant(role=Role.LISTENER), Grant(role=Role.LISTENER, app=app.id)
    there, part = Grant(role=Role.LISTENER, app=other_app.id), Grant(role=Role.LISTENER, app=app.id, account_id="100")
    emil = add_user(database, "emil", everywhere, here, there, part)
    with database.write_transaction() as connection:
        users.grant_role(connection, emil, here)  # it is there already
        for taken, left in ((everywhere, (here, there, part)), (here, (there, part)), (part, (there,))):
            users.revoke_role(connection, emil, taken)
            assert users.list_all(connection)[0].grants == left


def test_somebody_who_is_let_in_stays_operator(database: Database) -> None:
    olga, otto = add_user(database, "olga", OPERATOR), add_user(database, "otto", OPERATOR)
    with database.write_transaction() as connection:
        users.set_disabled(connection, otto, NOW)
        assert users.has_operator(connection)
    with pytest.raises(OperatorError), database.write_transaction() as connection:
        users.revoke_role(connection, olga, OPERATOR)
    with database.write_transaction() as connection:
        assert users.list_all(connection)[0].grants == (OPERATOR,)
        users.set_disabled(connection, otto, None)
        users.revoke_role(connection, olga, OPERATOR)
        assert users.has_operator(connection)


def test_a_code_is_good_once_and_never_after_a_later_one(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        users.set_second_factor(connection, emil, "sealed")
        assert [users.consume_totp_step(connection, emil, step) for step in (5 << 32, 5 << 32, 4, 6 << 32)] == [
            True,
            False,
            False,
            True,
        ]
        assert users.get_credentials(connection, emil) == ("hash of emil", "sealed", 6 << 32)
        [found] = users.list_all(connection)
        assert found.has_second_factor
        users.set_second_factor(connection, emil, "")
        assert users.get_credentials(connection, emil) == ("hash of emil", "", 0)


def test_a_link_is_good_until_its_time_and_once(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        users.create_setup_link(connection, "first", emil, NOW + MINUTE)
        users.create_setup_link(connection, "second", emil, NOW + MINUTE)
        assert users.find_setup_link(connection, "first", NOW) == (False, None)  # the newer one replaced it
        assert users.find_setup_link(connection, "second", NOW) == (True, emil)
        assert users.find_setup_link(connection, "second", NOW + MINUTE) == (False, None)
        assert [users.consume_setup_link(connection, "second") for _ in range(2)] == [True, False]


def test_the_first_operator_s_link_ends_when_there_is_one(database: Database) -> None:
    with database.write_transaction() as connection:
        users.create_setup_link(connection, "old", None, NOW + MINUTE)
        users.create_setup_link(connection, "begin", None, NOW + MINUTE)
        assert users.find_setup_link(connection, "old", NOW) == (False, None)
        assert users.find_setup_link(connection, "begin", NOW) == (True, None)
    add_user(database, "olga", OPERATOR)
    with database.write_transaction() as connection:
        assert users.find_setup_link(connection, "begin", NOW) == (False, None)
        assert (
            users.delete_expired_setup_links(connection, NOW),
            users.delete_expired_setup_links(connection, NOW + MINUTE),
        ) == (0, 1)


def test_a_session_lasts_while_it_is_used_and_not_for_ever(database: Database) -> None:
    emil, token = add_user(database, "emil"), "a token"
    with database.write_transaction() as connection:
        sessions.create(connection, emil, token, NOW)

        def whose(later: timedelta, which: str = token) -> tuple[User | None, bool]:
            return sessions.resolve(connection, which, NOW + later, IDLE_TIMEOUT, SESSION_LIFETIME)

        assert whose(SECOND) == (emil, False)
        assert whose(2 * MINUTE) == (emil, True)  # it is to be noted
        assert whose(IDLE_TIMEOUT) == whose(SECOND, "another") == (None, False)
        sessions.touch(connection, token, NOW + 29 * MINUTE)
        assert whose(IDLE_TIMEOUT) == (emil, False)
        for step in range(1, 30):
            sessions.touch(connection, token, NOW + step * 25 * MINUTE)
        assert whose(SESSION_LIFETIME) == (None, False)
        sessions.delete(connection, token)
        assert whose(SECOND) == (None, False)


@pytest.mark.parametrize("how", ["disabled", "password"])
def test_sessions_and_links_end_with_what_opened_them(database: Database, how: str) -> None:
    emil, lucy = add_user(database, "emil"), add_user(database, "lucy")
    with database.write_transaction() as connection:
        for user in (emil, lucy):
            sessions.create(connection, user, user.name, NOW)
            users.create_setup_link(connection, f"link of {user.name}", user, NOW + MINUTE)
        if how == "disabled":
            users.set_disabled(connection, emil, NOW)
        else:
            users.set_password(connection, emil, "another hash")
            assert users.get_credentials(connection, emil)[0] == "another hash"
        living = {
            name: sessions.resolve(connection, name, NOW, IDLE_TIMEOUT, SESSION_LIFETIME)[0]
            for name in ("emil", "lucy")
        }
        assert living == {"emil": None, "lucy": lucy}
        links = {name: users.find_setup_link(connection, f"link of {name}", NOW)[0] for name in ("emil", "lucy")}
        assert links == {"emil": False, "lucy": True}


def test_old_sessions_are_dropped(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        for token, seen in (("idle", 0), ("used", 25), ("new", 29)):
            sessions.create(connection, emil, token, NOW)
            sessions.touch(connection, token, NOW + seen * MINUTE)
        assert sessions.delete_expired(connection, NOW + IDLE_TIMEOUT, IDLE_TIMEOUT, SESSION_LIFETIME) == 1
        assert sessions.delete_expired(connection, NOW + SESSION_LIFETIME, SESSION_LIFETIME, SESSION_LIFETIME) == 2


def test_somebody_is_one_person_at_the_sign_in_service(database: Database) -> None:
    emil, lucy = add_user(database, "emil"), add_user(database, "lucy")
    with database.write_transaction() as connection:
        assert users.link_subject(connection, emil, "issuer 7")
        assert not users.link_subject(connection, emil, "issuer 8")
        found = users.find_by_subject(connection, "issuer 7")
        assert found is not None
        assert (found.name, found.is_linked) == ("emil", True)
        assert users.find_by_subject(connection, "issuer 8") is None
        users.unlink_subject(connection, emil)
        assert users.find_by_subject(connection, "issuer 7") is None
        assert users.link_subject(connection, lucy, "issuer 7")


def test_a_departure_is_good_for_one_return(database: Database) -> None:
    with database.write_transaction() as connection:
        assert [oidc_states.consume(connection, state, NOW + MINUTE) for state in ("a", "a", "b")] == [
            True,
            False,
            True,
        ]
        assert (oidc_states.delete_expired(connection, NOW), oidc_states.delete_expired(connection, NOW + MINUTE)) == (
            0,
            2,
        )

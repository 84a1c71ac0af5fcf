"""Console users on both engines: names, roles, passwords, setup links, sessions, OIDC subjects."""

from datetime import timedelta

import pytest

from ccfs.db.engine import Database
from ccfs.db.system.console import oidc_states, sessions, users
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
        stored = users.find_by_id(connection, user.id)
    assert stored
    return stored


def test_users_are_found_by_name_and_id_and_listed(database: Database, app: App) -> None:
    grants = (Grant(role=Role.EXPORTER, app=app.id), Grant(role=Role.LISTENER, app=app.id, account_id="100"))
    lucy, emil = add_user(database, "lucy"), add_user(database, "emil", *grants)
    assert emil.grants == grants
    with database.read_transaction() as connection:
        assert users.find_by_name(connection, "lucy") == users.find_by_id(connection, lucy.id) == lucy
        assert users.find_by_name(connection, "Lucy") is None
        assert users.find_by_id(connection, 0) is None
        assert users.list_all(connection) == [emil, lucy]


def test_a_user_name_is_unique(database: Database) -> None:
    add_user(database, "emil")
    with pytest.raises(OperatorError), database.write_transaction() as connection:
        users.add(connection, "emil", "", NOW)


def test_a_role_is_granted_once_and_revoked_in_its_scope(database: Database, app: App, other_app: App) -> None:
    everywhere, in_app = Grant(role=Role.LISTENER), Grant(role=Role.LISTENER, app=app.id)
    in_other_app, in_account = (
        Grant(role=Role.LISTENER, app=other_app.id),
        Grant(role=Role.LISTENER, app=app.id, account_id="100"),
    )
    emil = add_user(database, "emil", everywhere, in_app, in_other_app, in_account)
    with database.write_transaction() as connection:
        users.grant_role(connection, emil, in_app)  # granted already
        for revoked, remaining in (
            (everywhere, (in_app, in_other_app, in_account)),
            (in_app, (in_other_app, in_account)),
            (in_account, (in_other_app,)),
        ):
            users.revoke_role(connection, emil, revoked)
            assert users.list_all(connection)[0].grants == remaining


def test_one_enabled_user_stays_operator(database: Database) -> None:
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


def test_a_totp_step_is_valid_once_and_never_after_a_later_one(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        users.set_second_factor(connection, emil, "encrypted")
        assert [
            users.consume_totp_step(connection, emil, step) for step in (5 << 32, 5 << 32, (5 << 32) - 4, 6 << 32)
        ] == [
            True,
            False,
            False,
            True,
        ]
        assert users.get_credentials(connection, emil) == ("hash of emil", "encrypted", 6 << 32)
        [user] = users.list_all(connection)
        assert user.has_second_factor
        users.set_second_factor(connection, emil, "")
        assert users.get_credentials(connection, emil) == ("hash of emil", "", 0)


def test_a_setup_link_is_valid_once_until_it_expires(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        users.create_setup_link(connection, "first", emil, NOW + MINUTE)
        users.create_setup_link(connection, "second", emil, NOW + MINUTE)
        assert users.find_setup_link(connection, "first", NOW, MINUTE) == (False, None)  # the newer one replaced it
        assert users.find_setup_link(connection, "second", NOW, MINUTE) == (True, emil)
        assert users.find_setup_link(connection, "second", NOW + MINUTE, MINUTE) == (False, None)
        assert [users.consume_setup_link(connection, "second") for _ in range(2)] == [True, False]


def test_the_link_of_the_first_operator_ends_once_there_is_one(database: Database) -> None:
    with database.write_transaction() as connection:
        users.create_setup_link(connection, "old", None, NOW + MINUTE)
        users.create_setup_link(connection, "begin", None, NOW + MINUTE)
        assert users.find_setup_link(connection, "old", NOW, MINUTE) == (False, None)
        assert users.find_setup_link(connection, "begin", NOW, MINUTE) == (True, None)
    add_user(database, "olga", OPERATOR)
    with database.write_transaction() as connection:
        assert users.find_setup_link(connection, "begin", NOW, MINUTE) == (False, None)
        assert (
            users.delete_expired_setup_links(connection, NOW),
            users.delete_expired_setup_links(connection, NOW + MINUTE),
        ) == (0, 1)


def test_a_session_lasts_while_it_is_used_up_to_its_lifetime(database: Database) -> None:
    emil, token = add_user(database, "emil"), "a token"
    with database.write_transaction() as connection:
        sessions.create(connection, emil, token, NOW)

        def resolve(elapsed: timedelta, which: str = token) -> tuple[User | None, bool]:
            return sessions.resolve(connection, which, NOW + elapsed, IDLE_TIMEOUT, SESSION_LIFETIME)

        assert resolve(SECOND) == (emil, False)
        assert resolve(2 * MINUTE) == (emil, True)  # its use should be recorded
        assert resolve(IDLE_TIMEOUT) == resolve(SECOND, "another") == (None, False)
        sessions.touch(connection, token, NOW + 29 * MINUTE)
        assert resolve(IDLE_TIMEOUT) == (emil, False)
        for step in range(1, 30):
            sessions.touch(connection, token, NOW + step * 25 * MINUTE)
        assert resolve(SESSION_LIFETIME) == (None, False)
        sessions.delete(connection, token)
        assert resolve(SECOND) == (None, False)


@pytest.mark.parametrize("reason", ["disabled", "password"])
def test_sessions_and_links_end_when_the_user_is_disabled_or_changes_the_password(
    database: Database, reason: str
) -> None:
    emil, lucy = add_user(database, "emil"), add_user(database, "lucy")
    with database.write_transaction() as connection:
        for user in (emil, lucy):
            sessions.create(connection, user, user.name, NOW)
            users.create_setup_link(connection, f"link of {user.name}", user, NOW + MINUTE)
        if reason == "disabled":
            users.set_disabled(connection, emil, NOW)
        else:
            users.set_password(connection, emil, "another hash")
            assert users.get_credentials(connection, emil)[0] == "another hash"
        session_users = {
            name: sessions.resolve(connection, name, NOW, IDLE_TIMEOUT, SESSION_LIFETIME)[0]
            for name in ("emil", "lucy")
        }
        assert session_users == {"emil": None, "lucy": lucy}
        links = {
            name: users.find_setup_link(connection, f"link of {name}", NOW, MINUTE)[0] for name in ("emil", "lucy")
        }
        assert links == {"emil": False, "lucy": True}


def test_expired_sessions_are_deleted(database: Database) -> None:
    emil = add_user(database, "emil")
    with database.write_transaction() as connection:
        for token, seen in (("idle", 0), ("used", 25), ("new", 29)):
            sessions.create(connection, emil, token, NOW)
            sessions.touch(connection, token, NOW + seen * MINUTE)
        assert sessions.delete_expired(connection, NOW + IDLE_TIMEOUT, IDLE_TIMEOUT, SESSION_LIFETIME) == 1
        assert sessions.delete_expired(connection, NOW + SESSION_LIFETIME, SESSION_LIFETIME, SESSION_LIFETIME) == 2


def test_a_user_is_linked_to_one_oidc_subject(database: Database) -> None:
    emil, lucy = add_user(database, "emil"), add_user(database, "lucy")
    with database.write_transaction() as connection:
        assert users.link_subject(connection, emil, "issuer 7")
        assert not users.link_subject(connection, emil, "issuer 8")
        user = users.find_by_subject(connection, "issuer 7")
        assert user is not None
        assert (user.name, user.is_linked) == ("emil", True)
        assert users.find_by_subject(connection, "issuer 8") is None
        users.unlink_subject(connection, emil)
        assert users.find_by_subject(connection, "issuer 7") is None
        assert users.link_subject(connection, lucy, "issuer 7")


def test_an_oidc_state_is_valid_once(database: Database) -> None:
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

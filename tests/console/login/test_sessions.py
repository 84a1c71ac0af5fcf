"""Sessions that users see and end, the QR code, and roles that require a second factor."""

import re
from collections.abc import Iterator

import pytest

from ccfs.console.login.own_sessions import describe_browser
from ccfs.console.login.second_factor import draw_qr_code
from ccfs.db.system.console import passwords, users
from ccfs.model.errors import OperatorError
from ccfs.model.identity import totp
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import utc_now
from ccfs.settings import load_settings
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer, run_server

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36"


@pytest.fixture(scope="module", autouse=True)
def sid(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """Add a user of this file: other tests share the sessions of the others."""
    with console_server.node.database.write_transaction() as connection:
        users.add(connection, "sid", passwords.hash_password(PASSWORD), utc_now())


def sign_in_again(server: CcfsServer, name: str) -> ConsoleClient:
    client = ConsoleClient(server=server)
    assert client.sign_in(name).status == 303
    return client


def is_signed_in(client: ConsoleClient) -> bool:
    return client.get("/console/account").status == 200


def test_a_user_sees_and_ends_own_sessions(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    first, second, third = (sign_in_again(console_server, "sid") for _ in range(3))
    page = first.get("/console/account").body.decode()
    digests = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
    assert len(digests) >= 2
    assert "this session" in page
    assert first.post("/console/account/sessions", session=digests[0]).status == 303
    assert [is_signed_in(client) for client in (first, second, third)].count(True) == 2
    assert first.post("/console/account/sessions", session="0" * 64).status == 404
    assert first.post("/console/account/sessions", all="yes").status == 303
    assert [is_signed_in(client) for client in (first, second, third)] == [True, False, False]


def test_a_user_cannot_end_the_session_of_another(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    nick = sign_in_again(console_server, "sid")
    sign_in_again(console_server, "sid")
    (digest, *_) = re.findall(r'name="session" value="([0-9a-f]{64})"', nick.get("/console/account").body.decode())
    assert signed_in("lucy").post("/console/account/sessions", session=digest).status == 404


def test_an_operator_sees_who_is_active_and_ends_all_sessions_of_a_user(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    nick, olga = sign_in_again(console_server, "sid"), signed_in("olga")
    assert re.search(r"End sessions \(\d+\)", olga.get_text("/console/users"))
    assert olga.post("/console/users/sessions", user="sid").status == 303
    assert olga.post("/console/users/sessions", user="nobody").status == 404
    assert not is_signed_in(nick)
    assert "Ended sessions sid" in olga.get_text("/console/audit?actor=olga")


@pytest.mark.parametrize(
    ("user_agent", "described"),
    [(FIREFOX, "Firefox, Linux"), (CHROME, "Chrome, Windows"), ("curl/8", ""), ("", "")],
)
def test_a_browser_is_described_by_its_user_agent(user_agent: str, described: str) -> None:
    assert describe_browser(user_agent) == described


def test_a_qr_code_has_no_style_and_no_script() -> None:
    code = str(draw_qr_code(totp.build_uri(totp.encode_secret(b"x" * 20), "emil")))
    assert code.startswith("<svg ")
    assert not re.search(r"style=|<script|href", code)
    assert draw_qr_code("x" * 500) == ""


def test_an_unknown_role_cannot_require_a_second_factor() -> None:
    with pytest.raises(OperatorError, match="boss is not a role"):
        load_settings({"CCFS_SECOND_FACTOR_ROLES": "operator,boss"})


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server whose operators must have a second factor, with an operator and an auditor."""
    folder = tmp_path_factory.mktemp("strict")
    with run_server(folder, lock_failures=0, second_factor_roles="operator") as server:
        password_hash = passwords.hash_password(PASSWORD)
        with server.node.database.write_transaction() as connection:
            for name, role in (("olga", Role.OPERATOR), ("audrey", Role.AUDITOR)):
                users.grant_role(connection, users.add(connection, name, password_hash, utc_now()), Grant(role=role))
        yield server


def test_a_role_that_requires_a_second_factor_leads_to_its_setup_until_it_is_on(strict_server: CcfsServer) -> None:
    assert sign_in_again(strict_server, "audrey").get("/console/audit").status == 200
    olga = sign_in_again(strict_server, "olga")
    for path in ("/console/users", "/console/status", "/console/nothing-of-this-name"):
        reply = olga.get(path)
        assert reply.status == 404 if "nothing" in path else reply.headers["location"] == "/console/account"
    assert olga.post("/console/users/add", name="eve", role="operator").headers["location"] == "/console/account"
    assert "Your role requires two-factor authentication" in olga.get_text("/console/account")
    page = olga.post("/console/account/totp").body.decode()
    assert '<svg viewBox="0 0' in page
    assert "style=" not in page
    secret = re.findall(r'id="secret">([A-Z2-7]{32})<', page)[0]
    code = totp.compute_code(secret, int(utc_now().timestamp()) // totp.STEP_SECONDS)
    assert olga.post("/console/account/totp/enable", secret=secret, code=code).status == 303
    assert olga.get("/console/users").status == 200
    assert "Your role requires" not in extract_text(olga.get("/console/account"))

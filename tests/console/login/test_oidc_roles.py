"""Single sign-on by settings: roles from a claim, no password login, an unavailable provider, invalid settings."""

import re
from collections.abc import Iterator

import pytest

from ccfs.model.errors import OperatorError
from ccfs.model.identity.oidc_claims import find_matching_rules, get_username
from ccfs.settings import load_settings
from tests.api.api_client import Reply
from tests.cli.command import run_ccfs
from tests.console.call_centre_data import CallCentreData, create_call_centre
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text
from tests.console.login.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, run_oidc_provider
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer, run_server


@pytest.fixture(scope="module")
def sso_ports() -> tuple[int, int]:
    return get_free_port(), get_free_port()


@pytest.fixture(scope="module")
def oidc_provider(sso_ports: tuple[int, int]) -> Iterator[OidcProvider]:
    with run_oidc_provider(sso_ports[1], f"http://127.0.0.1:{sso_ports[0]}/console/oidc/callback") as provider:
        yield provider


@pytest.fixture(scope="module")
def sso_server(
    tmp_path_factory: pytest.TempPathFactory, sso_ports: tuple[int, int], oidc_provider: OidcProvider
) -> Iterator[CcfsServer]:
    """A server whose roles come from a claim, without password login."""
    sso = {"oidc_issuer": oidc_provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    sso |= {"oidc_roles_claim": "realm.groups", "console_url": f"http://127.0.0.1:{sso_ports[0]}/"}
    sso |= {"oidc_roles": "ops=operator, Call%20Team=listener@ACMEAK0001/acme-account, calls=exporter@BOLTAK0001"}
    sso |= {"password_login": "false", "lock_failures": "0"}
    with run_server(tmp_path_factory.mktemp("roles"), port=sso_ports[0], **sso) as server:
        yield server


@pytest.fixture(scope="module")
def call_centre(sso_server: CcfsServer) -> CallCentreData:
    return create_call_centre(sso_server.node)


def sign_in_with_groups(server: CcfsServer, idp: OidcProvider, who: str, *groups: str) -> tuple[ConsoleClient, Reply]:
    """Sign in by the provider as a member of these groups."""
    idp.set_overrides(claims={"realm": {"groups": list(groups)}})
    browser = ConsoleClient(server=server)
    return browser, browser.get(idp.sign_in(browser.get("/console/oidc").headers["location"], who))


def test_roles_follow_the_groups_claim_at_each_login(
    sso_server: CcfsServer, oidc_provider: OidcProvider, call_centre: CallCentreData
) -> None:
    rita, reply = sign_in_with_groups(sso_server, oidc_provider, "rita", "Call Team", "others")
    assert reply.status == 303
    assert rita.get("/console/calls").status == 200
    assert rita.get("/console/exports").status == 404
    again, _ = sign_in_with_groups(sso_server, oidc_provider, "rita", "calls")
    assert again.get("/console/exports").status == 200
    assert "0888" in again.get_text("/console/calls")
    assert "02079460001" not in rita.get_text("/console/calls")  # the session before, too
    _, refused = sign_in_with_groups(sso_server, oidc_provider, "rita", "others")
    assert refused.status == 403
    assert rita.get("/console/calls").status == 404  # and no session keeps what is no longer given


def test_an_unknown_user_without_a_role_is_not_added(
    sso_server: CcfsServer, oidc_provider: OidcProvider, call_centre: CallCentreData
) -> None:
    _, reply = sign_in_with_groups(sso_server, oidc_provider, "nina", "others")
    assert reply.status == 403
    listed = run_ccfs("user", "list", "--data", sso_server.node.settings.data, "--json").json["users"]
    assert "nina" not in {user["name"] for user in listed}


def test_a_claimed_name_does_not_take_over_a_user_with_a_password(
    sso_server: CcfsServer, oidc_provider: OidcProvider, call_centre: CallCentreData
) -> None:
    assert sign_in_with_groups(sso_server, oidc_provider, "lucy", "ops")[1].status == 403


def test_roles_granted_and_revoked_by_the_claim_are_audited(
    sso_server: CcfsServer, oidc_provider: OidcProvider, call_centre: CallCentreData
) -> None:
    sign_in_with_groups(sso_server, oidc_provider, "otto", "Call Team")
    otto, _ = sign_in_with_groups(sso_server, oidc_provider, "otto", "ops")
    text = otto.get_text("/console/audit")
    for entry in ("Added a user otto", "Assigned a role otto operator", "Removed a role otto listener acme-account"):
        assert entry in text


def test_no_password_signs_in_where_password_login_is_off(sso_server: CcfsServer, call_centre: CallCentreData) -> None:
    browser = ConsoleClient(server=sso_server)
    page = browser.get("/console/login").body.decode()
    assert 'href="/console/oidc' in page
    assert "password" not in page
    assert browser.sign_in("olga").status == 404
    assert "set-cookie" not in browser.sign_in("olga").headers


def test_a_setup_link_of_the_command_line_signs_in_where_password_login_is_off(
    sso_server: CcfsServer, call_centre: CallCentreData
) -> None:
    result = run_ccfs("user", "reset", "olga", "--data", sso_server.node.settings.data, "--json").json
    olga, token = ConsoleClient(server=sso_server), result["link"].partition("=")[2]
    assert olga.post("/console/setup", link=token, password=PASSWORD, repeat=PASSWORD).status == 303
    assert "Operator" in olga.get_text("/console/account")
    assert "Two-factor authentication" not in olga.get_text("/console/account")
    assert ConsoleClient(server=sso_server).sign_in("olga").status == 404


def test_users_are_added_and_reset_without_links_where_password_login_is_off(
    sso_server: CcfsServer, oidc_provider: OidcProvider, call_centre: CallCentreData
) -> None:
    otto, _ = sign_in_with_groups(sso_server, oidc_provider, "otto", "ops")
    assert otto.post("/console/users/add", name="pia", role="auditor", scope="").status == 303
    assert otto.post("/console/users/reset", user="emil").status == 303
    emil, reply = sign_in_with_groups(
        sso_server, oidc_provider, "emil", "Call Team"
    )  # his password is gone, so the name is his to come by
    assert reply.status == 303
    with sso_server.node.database.read_transaction() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM setup_links WHERE user_id IS NOT NULL").scalar() == 0
    assert "emil" in emil.get_text("/console/account")


def test_an_unavailable_provider_is_reported_and_passwords_work(tmp_path_factory: pytest.TempPathFactory) -> None:
    port = get_free_port()
    sso = {"oidc_issuer": f"http://127.0.0.1:{get_free_port()}", "oidc_client_id": "x", "oidc_name": "Example-ID"}
    with run_server(
        tmp_path_factory.mktemp("away"), port=port, console_url=f"http://127.0.0.1:{port}", **sso
    ) as server:
        create_call_centre(server.node)
        browser = ConsoleClient(server=server)
        reply = browser.get("/console/oidc?next=/console/audit")
        assert (reply.status, "The sign-in service Example-ID is unavailable" in extract_text(reply)) == (
            503,
            True,
        )
        assert 'value="/console/audit"' in reply.body.decode()
        assert browser.sign_in("lucy").status == 303
        assert server.wait_for_log_line("oidc_unavailable")["reason"].startswith("ConnectError")


VALID_SETTINGS = {
    "CCFS_OIDC_ISSUER": "https://id.example.com/realm",
    "CCFS_OIDC_CLIENT_ID": "ccfs",
    "CCFS_CONSOLE_URL": "https://calls.example.com",
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"CCFS_OIDC_ISSUER": "http://id.example.com"}, "CCFS_OIDC_ISSUER"),
        ({"CCFS_OIDC_ISSUER": "https://id.example.com?x=1"}, "CCFS_OIDC_ISSUER"),
        ({"CCFS_CONSOLE_URL": ""}, "CCFS_CONSOLE_URL"),
        ({"CCFS_CONSOLE_URL": "http://calls.example.com"}, "CCFS_CONSOLE_URL"),
        ({"CCFS_OIDC_CLIENT_ID": ""}, "CCFS_OIDC_CLIENT_ID"),
        ({"CCFS_OIDC_SCOPES": "profile"}, "openid"),
        ({"CCFS_OIDC_ROLES_CLAIM": "groups"}, "CCFS_OIDC_ROLES"),
        ({"CCFS_OIDC_ROLES": "x=operator"}, "CCFS_OIDC_ROLES_CLAIM"),
        ({"CCFS_OIDC_ROLES_CLAIM": "groups", "CCFS_OIDC_ROLES": "x=king"}, "value=role"),
        ({"CCFS_OIDC_ROLES_CLAIM": "groups", "CCFS_OIDC_ROLES": "x=listener"}, "@AK"),
        ({"CCFS_OIDC_ROLES_CLAIM": "groups", "CCFS_OIDC_ROLES": "x=operator@AK1"}, "an operator is global"),
        ({"CCFS_OIDC_CA_FILE": "no such file"}, "CCFS_OIDC_CA_FILE"),
        ({"CCFS_OIDC_ISSUER": "", "CCFS_PASSWORD_LOGIN": "false"}, "CCFS_PASSWORD_LOGIN"),
    ],
)
def test_inconsistent_oidc_settings_are_rejected(wrong: dict[str, str], message: str) -> None:
    load_settings(VALID_SETTINGS)
    with pytest.raises(OperatorError, match=re.escape(message)):
        load_settings(VALID_SETTINGS | wrong)


def test_an_unverified_email_address_is_no_user_name() -> None:
    claims = {"email": "ann@example.com", "deep": {"name": "ann"}, "a.b": "c"}
    assert get_username(claims, "email") == ""
    assert get_username(claims | {"email_verified": "true"}, "email") == ""
    assert get_username(claims | {"email_verified": True}, "email") == "ann@example.com"
    assert [get_username(claims, name) for name in ("deep.name", "a.b", "deep", "deep.x.y", "none")] == [
        "ann",
        "c",
        "",
        "",
        "",
    ]
    rules = load_settings(VALID_SETTINGS | {"CCFS_OIDC_ROLES_CLAIM": "g", "CCFS_OIDC_ROLES": "x=operator"}).role_rules
    assert [bool(find_matching_rules(rules, {"g": value}, "g")) for value in ("x", ["x"], ["y"], [["x"]], None, "xx")] == [
        True, True, False, False, False, False
    ]  # fmt: skip

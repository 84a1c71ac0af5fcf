"""Login and logout by a provider in Chromium, with and without scripts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from ccfs.db.system.console import users
from ccfs.model.identity.user import Grant, Role
from tests.console.call_centre_data import create_call_centre
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.console_client import PASSWORD
from tests.console.login.oidc_provider import CLIENT_ID, CLIENT_SECRET, run_oidc_provider
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer, run_server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def sso_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server with single sign-on, whose provider is another site."""
    port, provider_port = get_free_port(), get_free_port()
    sso = {
        "oidc_issuer": f"http://127.0.0.1:{provider_port}",
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
    }
    more = {"console_url": f"http://localhost:{port}", "oidc_name": "Example-ID"}
    with (
        run_oidc_provider(provider_port, f"http://localhost:{port}/console/oidc/callback") as _,
        run_server(tmp_path_factory.mktemp("browser"), port=port, **sso, **more) as server,
    ):
        create_call_centre(server.node)
        yield server


def build_url(server: CcfsServer, path: str) -> str:
    return f"http://localhost:{server.port}/console/{path}"


def sign_in(view: Page, who: str) -> None:
    view.get_by_role("link", name="Sign in with Example-ID").click()
    expect(view.get_by_role("heading", name="Provider")).to_be_visible()
    view.get_by_label("Who").fill(who)
    view.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_a_user_signs_in_by_the_provider_and_out_of_both(
    chromium: Browser, sso_server: CcfsServer, scripts: bool
) -> None:
    with open_page(chromium, java_script_enabled=scripts) as view:
        view.goto(build_url(sso_server, "login"))
        view.get_by_label("User name").fill("emil")
        view.get_by_label("Password").fill(PASSWORD)
        view.keyboard.press("Enter")
        view.wait_for_url("**/calls")
        view.goto(build_url(sso_server, "account"))
        if scripts:
            view.get_by_role("link", name="Link user").click()
            view.get_by_label("Who").fill("emil at home")
            view.get_by_role("button", name="Continue").click()
            view.wait_for_url("**/account")
        expect(view.get_by_text("Linked. You can sign in with this service.")).to_be_visible()
        view.get_by_role("button", name="Sign out").click()
        view.goto(build_url(sso_server, "exports"))
        sign_in(view, "emil at home")
        view.wait_for_url("**/console/exports")
        view.get_by_role("button", name="Sign out").click()
        view.get_by_role("link", name="Also sign out of Example-ID").click()
        expect(view.get_by_text("Signed out there")).to_be_visible()


def test_a_denied_login_is_explained_and_can_be_repeated(chromium: Browser, sso_server: CcfsServer) -> None:
    with open_page(chromium, refusal="status of 400") as view:
        view.goto(build_url(sso_server, "login"))
        assert find_violations(view) == []
        view.goto(build_url(sso_server, "login?logged_out=yes"))
        assert find_violations(view) == []
        sign_in_by = view.get_by_role("link", name="Sign in with Example-ID")
        expect(sign_in_by).to_be_visible()
        view.goto(build_url(sso_server, "oidc/callback?code=x&state=y"))
        expect(view.get_by_role("alert")).to_contain_text("This sign-in has expired")
        assert find_violations(view) == []
        expect(sign_in_by).to_be_visible()


def test_what_was_typed_before_the_session_ended_is_there_after_a_login_at_the_provider(
    chromium: Browser, sso_server: CcfsServer
) -> None:
    with sso_server.node.database.write_transaction() as connection:
        users.grant_role(connection, users.add(connection, "iris", "", datetime.now(UTC)), Grant(role=Role.OPERATOR))
    with open_page(chromium, java_script_enabled=False, refusal="status of 401") as view:
        view.goto(build_url(sso_server, "calls?id=1700000000-1&account=ACMEAK0001/acme-account"))
        sign_in(view, "iris")
        view.goto(build_url(sso_server, "call?id=1700000000-1&account=ACMEAK0001/acme-account"))
        new = view.locator("form.annotation")
        new.get_by_label("Comment").fill("The customer agrees to the new price")
        view.context.clear_cookies(name="ccfs_session")
        new.get_by_role("button", name="Add annotation").click()
        expect(view.get_by_role("alert")).to_contain_text("You were signed out")
        sign_in(view, "iris")
        expect(view.get_by_role("heading", name="Not sent yet")).to_be_visible()
        expect(view.get_by_label("Comment")).to_have_value("The customer agrees to the new price")
        view.get_by_role("button", name="Send").click()
        expect(view.locator(".annotations .comment")).to_contain_text("The customer agrees to the new price")
        assert "ccfs_draft" not in {cookie.get("name") for cookie in view.context.cookies()}

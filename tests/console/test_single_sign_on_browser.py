"""Signing in by a provider in a real browser, from a page that was asked for to signing out, with and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browsing import browser, page, violations
from tests.console.floor import furnish
from tests.console.provider import CLIENT, SECRET, provider
from tests.console.visitor import PASSWORD
from tests.ports import free_port
from tests.web.serving import Server, serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with single sign-on; the provider is another site, as it is for everybody else."""
    here, there = free_port(), free_port()
    sso = {"oidc_issuer": f"http://127.0.0.1:{there}", "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    more = {"console_url": f"http://localhost:{here}", "oidc_name": "Example-ID"}
    with (
        provider(there, f"http://localhost:{here}/console/oidc/back") as _,
        serving(tmp_path_factory.mktemp("browser"), port=here, **sso, **more) as one,
    ):
        furnish(one.node)
        yield one


def address(house: Server, path: str) -> str:
    return f"http://localhost:{house.port}/console/{path}"


def sign_in(view: Page, who: str) -> None:
    view.get_by_role("link", name="Sign in by Example-ID").click()
    expect(view.get_by_role("heading", name="Provider")).to_be_visible()
    view.get_by_label("Who").fill(who)
    view.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_from_a_page_that_was_asked_for_to_signing_out_everywhere(
    chromium: Browser, house: Server, scripts: bool
) -> None:
    with page(chromium, java_script_enabled=scripts) as view:
        view.goto(address(house, "login"))
        view.get_by_label("Name").fill("emil")
        view.get_by_label("Password").fill(PASSWORD)
        view.keyboard.press("Enter")
        view.wait_for_url("**/calls")
        view.goto(address(house, "me"))
        if scripts:
            view.get_by_role("link", name="Tie it").click()
            view.get_by_label("Who").fill("emil at home")
            view.get_by_role("button", name="Continue").click()
            view.wait_for_url("**/me")
        expect(view.get_by_text("You are known there")).to_be_visible()
        view.get_by_role("button", name="Sign out").click()
        view.goto(address(house, "exports"))
        sign_in(view, "emil at home")
        view.wait_for_url("**/console/exports")
        view.get_by_role("button", name="Sign out").click()
        view.get_by_role("link", name="Sign out of Example-ID, too").click()
        expect(view.get_by_text("Signed out there")).to_be_visible()


def test_who_is_not_let_in_is_told_so_and_may_try_again(chromium: Browser, house: Server) -> None:
    with page(chromium, refusal="status of 400") as view:
        view.goto(address(house, "login"))
        assert violations(view) == []
        view.goto(address(house, "login?left=yes"))
        assert violations(view) == []
        sign_in_by = view.get_by_role("link", name="Sign in by Example-ID")
        expect(sign_in_by).to_be_visible()
        view.goto(address(house, "oidc/back?code=x&state=y"))
        expect(view.get_by_role("alert")).to_contain_text("Begin again")
        assert violations(view) == []
        expect(sign_in_by).to_be_visible()

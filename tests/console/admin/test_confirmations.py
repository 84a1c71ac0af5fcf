"""Questions before harm, and their answers: what the page says, that nothing happens without a confirmation, and what does after it."""

import re
from collections.abc import Callable

import pytest

from ccfs.console.routes import ROUTES
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text

Form = dict[str, str]
HARMFUL_ROUTES = {
    "/console/annotation/delete",
    "/console/app/callback/remove",
    "/console/apps/revoke",
    "/console/apps/revoke-older",
    "/console/bulk-download",
    "/console/calibration/close",
    "/console/cluster/location",
    "/console/cluster/location/remove",
    "/console/cluster/moves",
    "/console/cluster/moves/state",
    "/console/cluster/node",
    "/console/cluster/node/remove",
    "/console/evaluation-form/retire",
    "/console/evaluation/delete",
    "/console/links/revoke",
    "/console/reports/delete",
    "/console/sampling-rules/delete",
    "/console/saved-searches/delete",
    "/console/saved-searches/unshare",
    "/console/settings/certificates/remove",
    "/console/users/disable",
    "/console/users/reset",
    "/console/users/revoke",
}


def add_user(olga: ConsoleClient, name: str) -> None:
    olga.post_and_follow("/console/users/add", name=name, role="auditor", scope="")


def list_keys(client: ConsoleClient, ak: str) -> list[str]:
    page = client.get("/console/apps").body.decode()
    return re.findall(rf'name="app" value="{ak}"><input type="hidden" name="key" value="(\d+)"', page)


def test_every_harmful_route_has_a_question() -> None:
    assert {route.path for route in ROUTES if route.question} == HARMFUL_ROUTES


def test_the_only_key_is_revoked_after_a_confirmation_that_says_so(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    page = olga.post_and_follow("/console/apps/add", name="One key").body.decode()
    ak = re.findall(r'<dd class="mono">(AK[0-9A-F]{18})<', page)[0]
    [key] = list_keys(olga, ak)
    question = olga.post("/console/apps/revoke", app=ak, key=key, confirmed="")
    text = extract_text(question)
    assert question.status == 200
    assert f"Revoke key {key} of One key?" in text
    assert "Clients that use this key will be rejected from now on." in text
    assert "It is the only key of this app." in text
    assert f'name="key" value="{key}"' in question.body.decode()
    assert list_keys(olga, ak) == [key]
    olga.post_and_follow("/console/apps/key", app=ak)
    newest = list_keys(olga, ak)[-1]
    assert f"signed with key {key} instead" in extract_text(
        olga.post("/console/apps/revoke", app=ak, key=newest, confirmed="")
    )
    assert olga.post("/console/apps/revoke", app=ak, key=newest).status == 303
    assert list_keys(olga, ak) == [key]
    for wrong in ("0", newest, "9" * 5000, "٠"):
        assert olga.post("/console/apps/revoke", app=ak, key=wrong, confirmed="").status == 404


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("disable", {}, "signed out at once"),
        ("reset", {}, "a link with which the user sets a new password"),
        ("revoke", {"grant": "0"}, "It is the only role of this user"),
    ],
)
def test_a_user_stays_as_is_until_a_change_is_confirmed(
    signed_in: SignIn, path: str, more: Form, expected: str
) -> None:
    olga, name = signed_in("olga"), f"kept-{path}"
    add_user(olga, name)
    before = olga.get_text("/console/users")
    for confirmed in ("", "no"):
        reply = olga.post(f"/console/users/{path}", user=name, confirmed=confirmed, **more)
        assert (reply.status, expected in extract_text(reply)) == (200, True)
    assert olga.get_text("/console/users") == before
    assert olga.post(f"/console/users/{path}", user=name, **more).status == 303
    assert olga.post(f"/console/users/{path}", user="nobody", confirmed="", **more).status == 404


def test_a_reset_asks_for_the_password_on_the_confirmation_page(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    add_user(olga, "forgetful")
    question = olga.post("/console/users/reset", user="forgetful", confirmed="", password="").body.decode()
    assert 'type="password"' in question
    wrong = olga.post("/console/users/reset", user="forgetful", password="another password")
    assert wrong.status == 400
    assert 'aria-invalid="true" aria-describedby="form-problem"' in wrong.body.decode()
    assert "The current password is incorrect." in extract_text(wrong)
    assert "another password" not in wrong.body.decode()
    page = extract_text(olga.post_and_follow("/console/users/reset", user="forgetful"))
    assert f"http://{olga.server.host}/console/setup?link=" in page


def test_what_does_no_harm_is_not_asked(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    add_user(olga, "sleeping")
    assert olga.post("/console/users/disable", user="sleeping").status == 303
    assert olga.post("/console/users/disable", user="sleeping", confirmed="").status == 303
    assert "sleeping disabled" not in olga.get_text("/console/users")


def test_an_annotation_is_shown_before_it_is_deleted(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy, query = signed_in("lucy"), f"account={call_centre.account_param}&name={call_centre.first_recording.file_name}"
    lucy.post(f"/console/annotation?{query}", offset="2", text="Rude <b>word</b>")
    page = lucy.get(f"/console/call?account={call_centre.account_param}&id=1700000000-1").body.decode()
    number = re.findall(r'name="annotation" value="(\d+)"', page)[-1]
    question = lucy.post(f"/console/annotation/delete?{query}", annotation=number, confirmed="")
    assert "lucy wrote: Rude &lt;b&gt;word&lt;/b&gt;" in question.body.decode()
    assert lucy.post(f"/console/annotation/delete?{query}", annotation=number).status == 303
    assert lucy.post(f"/console/annotation/delete?{query}", annotation=number, confirmed="").status == 404


def test_draining_is_asked_and_resuming_is_not(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    form: Callable[[str], Form] = lambda state: {"location": "0", "state": state, "confirmed": ""}
    question = olga.post("/console/cluster/location", **form("draining"))
    assert "No new files are stored there." in extract_text(question)
    assert olga.post("/console/cluster/location", **form("active")).status == 303

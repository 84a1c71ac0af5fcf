"""Forms that are not accepted keep what was typed; those that are accepted lead on, and show a secret once."""

import re

import pytest

from ccfs.console.forms.state import SentForm
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text


def find_field(page: str, name: str) -> str:
    """Return the first input of a name whose problem the page shows."""
    tags: list[str] = re.findall(r"<input[^>]*>", page)
    return next(tag for tag in tags if f'name="{name}"' in tag and "aria-invalid" in tag)


def test_an_account_form_keeps_its_values_open_beside_its_problem(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    form = {"app": call_centre.acme.ak, "account": "fresh", "vdn": "4711", "zone": "London"}
    reply = signed_in("anna").post("/console/apps/account", **form)
    page = reply.body.decode()
    assert reply.status == 400
    assert 'value="fresh"' in page
    assert 'value="4711"' in page
    assert 'value="London"' in find_field(page, "zone")
    assert " autofocus" in find_field(page, "zone")
    assert len(re.findall('id="form-problem"', page)) == 1
    assert page.count("<details open>") == 1


def test_a_taken_vdn_is_a_problem_of_its_field(signed_in: SignIn, call_centre: CallCentreData) -> None:
    form = {"app": call_centre.acme.ak, "account": "fresh", "vdn": "4", "zone": "Asia/Shanghai"}
    reply = signed_in("anna").post("/console/apps/account", **form)
    assert reply.status == 400
    assert 'value="4"' in find_field(reply.body.decode(), "vdn")
    assert "VDN 4 belongs to account" in extract_text(reply)


def test_a_user_form_keeps_name_and_role(signed_in: SignIn) -> None:
    page = signed_in("olga").post("/console/users/add", name="Quinn", role="exporter", scope="").body.decode()
    assert 'value="Quinn"' in page
    assert '<option value="exporter" selected>' in page
    assert '<select name="scope" aria-invalid="true"' in page


@pytest.mark.parametrize("password", ["", "a wrong password"])
def test_a_wrong_password_is_a_problem_of_its_field_and_is_not_shown(signed_in: SignIn, password: str) -> None:
    page = signed_in("olga").post("/console/apps/add", name="Not added", password=password).body.decode()
    assert 'value="Not added"' in page
    assert 'type="password"' in find_field(page, "password")
    assert "a wrong password" not in page
    assert "Not added" not in signed_in("olga").get_text("/console/apps")


def test_a_form_of_another_app_is_not_marked() -> None:
    sent = SentForm(path="/a", values={"app": "x", "name": "n", "password": "p"}, problem="wrong", problem_field="name")
    assert sent.find_state("/a", app="x").get("name") == "n"
    assert sent.find_state("/a", app="x").get("password", "") == ""
    for state in (sent.find_state("/a", app="y"), sent.find_state("/b", app="x")):
        assert (state.is_failed, state.is_wrong("name"), state.get("name", "d")) == (False, False, "d")


def test_an_app_has_a_name_of_its_own_in_upper_and_lower_case(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    assert olga.post("/console/apps/add", name="Straße 7").status == 303
    for taken in ("straße 7", " STRASSE 7 ", "ＳＴＲＡSSE ７"):
        reply = olga.post("/console/apps/add", name=taken)
        assert (reply.status, "is already in use" in extract_text(reply)) == (400, True), taken


def test_a_new_key_is_shown_once_after_a_redirect_to_its_user_only(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    location = olga.post("/console/apps/add", name="Shown once").headers["location"]
    assert location.startswith("/console/apps?note=")
    assert 'id="sk"' not in signed_in("anna").get(location).body.decode()
    page = olga.get(location, **{"accept-encoding": "gzip", "sec-fetch-site": "same-origin"})
    assert re.search(r'id="sk">[\w-]{43}<', page.body.decode())  # not compressed: its length would tell of the key
    assert 'id="sk"' not in olga.get(location).body.decode()
    assert olga.get("/console/apps?note=unknown").status == 200


def test_a_used_or_unknown_invite_link_says_whom_to_ask(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    page = olga.post_and_follow("/console/users/add", name="invited", role="auditor", scope="").body.decode()
    link = re.findall(r'id="link">(http://[^<]+)<', page)[0]
    assert link.startswith(f"http://{olga.server.host}/console/setup?link=")
    invited, path = ConsoleClient(server=olga.server), link.removeprefix(f"http://{olga.server.host}")
    rejected = invited.post("/console/setup", link=path.partition("=")[2], password="short", repeat="short")
    assert 'aria-invalid="true"' in find_field(rejected.body.decode(), "password")
    invited.post("/console/setup", link=path.partition("=")[2], password="a new password", repeat="a new password")
    for used in (path, "/console/setup?link=never", "/console/setup"):
        reply = ConsoleClient(server=olga.server).get(used)
        assert (reply.status, "Ask the operator who sent it for a new link." in extract_text(reply)) == (404, True)

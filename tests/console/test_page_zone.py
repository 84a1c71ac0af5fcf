"""The time zone of pages that belong to no single account: that of the user, of the user's accounts, or UTC."""

import re
from urllib.parse import urlencode

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn

EMPTY = ("exports", "callbacks")  # without exports, their pages show no time
TIME = re.compile(r'<time datetime="([^"]+)" title="([^"]+)">')


@pytest.mark.parametrize(
    ("name", "zone", "offset"), [("lucy", "Asia/Shanghai", "UTC+08:00"), ("emil", "UTC", "UTC+00:00")]
)
def test_the_zone_is_that_of_the_accounts_that_a_user_sees(
    signed_in: SignIn, name: str, zone: str, offset: str
) -> None:
    page = signed_in(name).get("/console/account").body.decode()
    times = TIME.findall(page)
    assert times
    for instant, title in times:
        assert title.endswith(f" {zone} ({offset})")
        assert instant.endswith(offset.removeprefix("UTC"))
    assert f"Times in {zone}." in page


def test_the_zone_that_a_user_prefers_holds_on_every_page(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna = signed_in("anna")
    anna.post("/console/account/preferences", zone="America/New_York")
    try:
        app, account = urlencode({"app": call_centre.acme.ak}), urlencode({"account": call_centre.account_param})
        for path in ("apps", f"app?{app}", "account", f"exports?{app}", f"callbacks?{app}", f"calls?{account}"):
            text = anna.get(f"/console/{path}").body.decode()
            assert re.search("imes in America/New_York|title=.*America/New_York", text) or path.startswith(EMPTY), path
            assert all("America/New_York" in title for _, title in TIME.findall(text)), path
    finally:
        anna.post("/console/account/preferences")

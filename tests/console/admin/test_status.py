"""The status page, its dot in the menu, and the page of calls without their recording."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from ccfs.db.tenant.ingest import expected_recordings
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.model.identity.tenancy import App
from ccfs.server.node import utc_now
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.server.ccfs_server import CcfsServer
from tests.waiting import wait_until

MISSING_COUNT = 130  # more than a page has


@pytest.fixture(scope="module")
def missing_recordings(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """Add missing recordings of one instant, an awaited one, and one of another app."""
    since = utc_now() - timedelta(hours=3)

    def make(account_id: str, name: str, at: timedelta = timedelta()) -> ExpectedRecording:
        path = f"/spool/{name}"
        return ExpectedRecording(
            account_id=account_id, name=name, path=path, stem=name, call_id="1700000000-1", since=since + at
        )

    def add(app: App, rows: list[ExpectedRecording], *, are_missing: bool) -> None:
        with console_server.node.database.write_transaction() as connection:
            expected_recordings.add(connection, app, rows)
            if are_missing:
                expected_recordings.mark_missing(connection, app, utc_now(), utc_now())

    add(call_centre.acme, [make("acme-account", f"gone-{n:03}.wav") for n in range(MISSING_COUNT)], are_missing=True)
    add(call_centre.acme, [make("acme-account", "awaited.wav", timedelta(hours=1))], are_missing=False)
    add(call_centre.bolt, [make("bolt-account", "of-bolt.wav")], are_missing=True)


def test_operators_start_on_the_status_page_and_the_menu_shows_its_worst_finding(
    signed_in: SignIn, call_centre: CallCentreData, missing_recordings: None
) -> None:
    olga = signed_in("olga")
    assert olga.get("/console").headers["location"] == "/console/status"
    found = f"Warning acme: missing recordings: {MISSING_COUNT}."
    wait_until(lambda: found in olga.get_text("/console/status"), 20)  # a report is a few seconds old
    text = olga.get_text("/console/status")
    assert "bolt: missing recordings: 1." in text
    assert "0 disk data folder" in text
    assert "Status (needs attention)" in olga.get_text("/console/account")
    assert "needs attention" not in signed_in("anna").get_text("/console/account")


def test_missing_recordings_are_listed_page_by_page(
    signed_in: SignIn, call_centre: CallCentreData, missing_recordings: None
) -> None:
    lucy = signed_in("lucy")
    first = lucy.get("/console/missing-recordings?state=missing").body.decode()
    following = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = lucy.get(following).body.decode()
    shown = [{f"gone-{n:03}" for n in range(MISSING_COUNT) if f"gone-{n:03}" in page} for page in (first, second)]
    assert (len(shown[0]), len(shown[1]), len(shown[0] | shown[1])) == (100, 30, MISSING_COUNT)
    assert 'rel="next"' not in second
    assert "awaited.wav" not in first
    assert "of-bolt" not in first + second
    assert "awaited.wav expected" not in first
    assert "awaited.wav" in lucy.get_text("/console/missing-recordings?state=awaited")
    assert "/console/call?account=" in first


def test_missing_recordings_of_other_accounts_are_not_found(
    signed_in: SignIn, call_centre: CallCentreData, missing_recordings: None
) -> None:
    lucy = signed_in("lucy")
    for account in (f"{call_centre.bolt.ak}/bolt-account", f"{call_centre.acme.ak}/acme-other"):
        assert lucy.get("/console/missing-recordings?" + urlencode({"account": account})).status == 404
    assert "of-bolt" not in lucy.get_text(f"/console/missing-recordings?app={call_centre.bolt.ak}&state=all")
    assert lucy.get("/console/missing-recordings?from=x").status == 400

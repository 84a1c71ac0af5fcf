"""Saved searches: private and shared, unique names, relative periods, start page, permissions, audit."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text

PAGE = "/console/saved-searches"


class Searches:
    """The saved searches of an account, as a user reaches them."""

    def __init__(self, client: ConsoleClient, account: str) -> None:
        self.client, self.account = client, account
        self.path = f"{PAGE}?{urlencode({'account': account})}"

    def post(self, action: str, **form: str) -> int:
        return self.client.post(f"{PAGE}/{action}", account=self.account, **form).status

    def save(self, name: str, query: str = "queue=sales&period=week", action: str = "save", **form: str) -> int:
        return self.post(action, name=name, query=query, **form)

    def list_names(self) -> dict[str, str]:
        """Return the id of each search by its name."""
        page = self.client.get(self.path).body.decode()
        rows = re.findall(r'<tr><td class="wrap"><a [^>]*>([^<]*)</a>.*?name="id" value="(\w*)"', page, re.DOTALL)
        return {unescape(name): search_id for name, search_id in rows}

    def delete_all(self) -> None:
        for search_id in self.list_names().values():
            self.post("delete", id=search_id)
            self.post("unshare", id=search_id)


@pytest.fixture
def anna(signed_in: SignIn, call_centre: CallCentreData) -> Iterator[Searches]:
    """An administrator's searches."""
    searches = Searches(signed_in("anna"), call_centre.account_param)
    yield searches
    searches.delete_all()


@pytest.fixture
def emil(signed_in: SignIn, call_centre: CallCentreData) -> Iterator[Searches]:
    """An exporter's searches."""
    searches = Searches(signed_in("emil"), call_centre.account_param)
    yield searches
    searches.delete_all()


def test_a_saved_search_is_listed_beside_the_search_field_and_keeps_its_relative_period(
    emil: Searches, call_centre: CallCentreData
) -> None:
    reply = emil.client.post(
        f"{PAGE}/save", account=emil.account, name="  Sales   this week ", query="q=today 0207&agent=512&cursor=1.2.3"
    )
    location = reply.headers["location"]
    assert location == "/console/calls?" + urlencode(
        {"account": emil.account, "q": "0207", "agent": "512", "period": "today"}
    )
    page = emil.client.get(location).body.decode()
    assert re.search(r'aria-current="true">Sales this week</a>', page)
    other = emil.client.get("/console/calls?" + urlencode({"account": emil.account})).body.decode()
    assert re.search(r"<a [^>]*agent=512&amp;period=today[^>]*>Sales this week</a>", other)
    assert 'aria-current="true">Sales' not in other
    assert "Search 0207, Agent 512, Period Today" in emil.client.get_text(emil.path)


def test_names_are_unique_regardless_of_case_and_a_search_can_be_replaced(emil: Searches) -> None:
    assert emil.save("Long calls") == 303
    reply = emil.client.post(f"{PAGE}/save", account=emil.account, name="LONG calls", query="min_talk=5")
    assert reply.status == 400
    page = reply.body.decode()
    assert "A saved search already has this name." in extract_text(reply)
    assert 'value="LONG calls"' in page
    assert 'value="min_talk=5"' in page
    assert emil.save("Long calls", "min_talk=5", replace="yes") == 303
    assert list(emil.list_names()) == ["Long calls"]
    assert "Talk time at least 5" in emil.client.get_text(emil.path)


@pytest.mark.parametrize(
    ("name", "query"), [("", ""), ("x" * 61, ""), ("a\x07b", ""), ("good", "min_talk=soon"), ("good", "from=never")]
)
def test_an_invalid_search_is_not_saved(emil: Searches, name: str, query: str) -> None:
    assert emil.save(name, query) == 400
    assert emil.list_names() == {}


def test_a_private_search_is_seen_by_its_user_alone(emil: Searches, anna: Searches) -> None:
    emil.save("mine")
    (search_id,) = emil.list_names().values()
    assert anna.list_names() == {}
    for action in ("rename", "rename-shared", "delete", "unshare", "start"):
        assert anna.post(action, id=search_id, name="stolen") == 404
    assert list(emil.list_names()) == ["mine"]
    assert anna.save("mine") == 303


def test_a_shared_search_is_seen_in_its_account_and_changed_by_administrators(
    emil: Searches, anna: Searches, signed_in: SignIn, call_centre: CallCentreData
) -> None:
    assert emil.save("all", action="share") == 404
    assert anna.save("all", action="share") == 303
    (search_id,) = emil.list_names().values()
    assert "Shared in this account all" in emil.client.get_text(
        f"/console/calls?{urlencode({'account': emil.account})}"
    )
    for action in ("rename", "rename-shared", "delete", "unshare"):
        assert emil.post(action, id=search_id, name="x") == 404
    basil = signed_in("basil").get("/console/saved-searches").body.decode()
    assert search_id not in basil
    assert Searches(anna.client, f"{call_centre.acme.ak}/acme-other").list_names() == {}
    assert anna.post("rename-shared", id=search_id, name="everything") == 303
    assert emil.list_names() == {"everything": search_id}
    anna.save("taken", action="share")
    assert anna.post("rename-shared", id=search_id, name="TAKEN") == 400
    assert anna.post("unshare", id=search_id) == 303
    assert list(emil.list_names()) == ["taken"]


def test_the_page_of_calls_opens_with_the_chosen_search(emil: Searches) -> None:
    emil.save("start", "queue=sales&period=yesterday")
    (search_id,) = emil.list_names().values()
    assert emil.post("start", id=search_id) == 303
    expected = "/console/calls?" + urlencode({"account": emil.account, "queue": "sales", "period": "yesterday"})
    assert emil.client.get("/console/calls").headers["location"] == expected
    assert "start Default search" in emil.client.get_text(emil.path)
    assert emil.client.get(f"/console/calls?{urlencode({'account': emil.account})}").status == 200
    emil.post("delete", id=search_id)
    assert emil.client.get("/console/calls").status == 200
    emil.post("start", id="")


def test_changes_are_audited_with_the_search(emil: Searches, signed_in: SignIn) -> None:
    emil.save("audited", "queue=sales&period=today")
    emil.post("rename", id=emil.list_names()["audited"], name="audited too")
    emil.post("delete", id=emil.list_names()["audited too"])
    text = signed_in("audrey").get_text("/console/audit?action=changes")
    assert "Saved a search: Name audited, Queue sales, Period Today" in text
    assert "Renamed a saved search: Name audited too, Queue sales, Period Today" in text
    assert "Deleted a saved search audited too" in text

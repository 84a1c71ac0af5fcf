"""Columns of the list of calls: shown and ordered as the user chose, in the list and in its CSV, in the user's language."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient

PATH = "/console/calls/columns"


@pytest.fixture
def emil(signed_in: SignIn, call_centre: CallCentreData) -> Iterator[ConsoleClient]:
    """An exporter, who has the usual columns again after a test."""
    client = signed_in("emil")
    yield client
    client.post(PATH, account=call_centre.account_param, reset="yes")
    client.post("/console/account/preferences", language="")


def list_headings(client: ConsoleClient, account: str) -> list[str]:
    page = client.get(f"/console/calls?{urlencode({'account': account})}").body.decode()
    cells = re.findall(r"<th [^>]*>(.*?)</th>", page.partition("<thead>")[2].partition("</thead>")[0])
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in cells if "checkbox" not in cell]


def choose(client: ConsoleClient, account: str, order: list[str], shown: list[str], **more: str) -> str:
    """Send the form of the columns; return where it leads."""
    fields = {f"place.{name}": "" for name in order} | {f"column.{name}": "yes" for name in shown}
    reply = client.post(PATH, account=account, **fields, **more)
    assert reply.status == 303
    return reply.headers["location"]


def test_a_user_chooses_columns_and_their_order(
    emil: ConsoleClient, call_centre: CallCentreData, signed_in: SignIn
) -> None:
    account = call_centre.account_param
    usual = [
        "Start",
        "Direction",
        "Caller",
        "Called number",
        "Queue",
        "Agent",
        "Waiting time",
        "Talk time",
        "Recording",
    ]
    assert list_headings(emil, account) == usual
    where = choose(emil, account, ["wait", "talk", "caller", "evil"], ["caller", "wait", "evil"], query="queue=sales")
    assert where == f"/console/calls?{urlencode({'account': account, 'queue': 'sales'})}"
    assert list_headings(emil, account) == ["Start", "Waiting time", "Caller", "Recording"]
    assert list_headings(signed_in("lucy"), account) == usual
    csv = emil.get(f"/console/calls/csv?{urlencode({'account': account})}").body.decode("utf-8-sig")
    assert csv.startswith("Call ID,Start,UTC offset,Waiting time (s),Caller,Caller name,Recordings\r\n")
    emil.post("/console/account/preferences", language="zh")
    csv = emil.get(f"/console/calls/csv?{urlencode({'account': account})}").body.decode("utf-8-sig")
    assert csv.startswith("通话 ID,开始时间,UTC 偏移,等待时长（秒）,主叫号码,主叫名称,录音\r\n")
    emil.post("/console/account/preferences", language="en")
    choose(emil, account, ["wait"], [])
    assert list_headings(emil, account) == usual


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ({"up": "talk"}, "talk,wait,caller"),
        ({"up": "wait"}, "wait,talk,caller"),
        ({"down": "wait"}, "talk,wait,caller"),
        ({"down": "caller"}, "wait,talk,caller"),
        ({"down": "nothing"}, "wait,talk,caller"),
    ],
)
def test_a_column_moves_without_scripts(
    emil: ConsoleClient, call_centre: CallCentreData, button: dict[str, str], expected: str
) -> None:
    names = ["wait", "talk", "caller"]
    where = choose(emil, call_centre.account_param, names, names, **button)
    assert where.endswith("&menu=columns")
    page = emil.get(where).body.decode()
    assert '<details class="menu" id="list-columns" open>' in page
    assert re.findall(r'name="column\.(\w+)" value="yes" checked', page) == expected.split(",")


def test_calls_are_sorted_by_waiting_time_by_the_heading(emil: ConsoleClient, call_centre: CallCentreData) -> None:
    account = call_centre.account_param
    page = emil.get(f"/console/calls?{urlencode({'account': account, 'sort': 'waited_most'})}").body.decode()
    assert re.search(r'aria-sort="descending"><a [^>]*sort=waited_least[^>]*>Waiting time', page)
    waits = re.findall(r'<td class="number wait">([\d:]+)</td>', page)
    assert waits == ["0:40", "0:20", "0:20", "0:20"]
    page = emil.get(f"/console/calls?{urlencode({'account': account, 'sort': 'waited_least'})}").body.decode()
    assert re.findall(r'<td class="number wait">([\d:]+)</td>', page) == waits[::-1]

"""The CSV of a search: its calls, formula-safe cells, maximum of rows, permission, streaming."""

import csv
import http.client
import io
import time
from urllib.parse import urlencode

from tests.console.bulk.bulk_download_server import CALL_COUNT, CALLER_NO, BulkDownloadServer
from tests.console.call_centre_data import HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient


def download_rows(client: ConsoleClient, account: str, **parameters: str) -> list[list[str]]:
    """Return the rows of a search's CSV, the header first."""
    reply = client.get("/console/calls/csv?" + urlencode({"account": account, **parameters}))
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "text/csv;charset=UTF-8"
    assert reply.headers["content-disposition"].startswith('attachment; filename="calls-')
    assert reply.body.startswith(b"\xef\xbb\xbfCall ID,Start,")
    assert reply.body.count(b"\r\n") == reply.body.count(b"\n")
    return list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"), newline="")))


def test_the_csv_has_every_call_of_the_search_once(signed_in: SignIn, call_centre: CallCentreData) -> None:
    emil = signed_in("emil")
    head, *rows = download_rows(emil, call_centre.account_param, sort="oldest")
    assert [row[0] for row in rows] == [f"1700000000-{number}" for number in (1, 2, 3, 4)]
    first = dict(zip(head, rows[0], strict=True))
    assert (first["Caller"], first["Called number"], first["Agents"], first["Queues"]) == (
        "02079460001",
        "600",
        "512",
        "sales",
    )
    assert (first["Answered"], first["Talk time (s)"], first["Recordings"]) == ("Yes", "120", "1")
    assert (first["UTC offset"], first["Direction"], first["Waiting time (s)"]) == ("UTC+08:00", "Inbound", "20")
    assert dict(zip(head, rows[3], strict=True))["Caller name"] == HOSTILE_TEXT
    assert [row[0] for row in download_rows(emil, call_centre.account_param, agent="513")[1:]] == ["1700000000-2"]


def test_a_caller_name_is_no_formula_in_the_csv(bulk_download_server: BulkDownloadServer) -> None:
    emil = ConsoleClient(server=bulk_download_server.server)
    emil.sign_in("emil")
    head, *rows = download_rows(emil, bulk_download_server.call_centre.account_param, caller=CALLER_NO, sort="oldest")
    names = {row[head.index("Caller name")] for row in rows[:30]}
    assert names == {'\'=HYPERLINK("http://x")'}


def test_the_csv_ends_at_the_setting_s_rows_and_says_so(bulk_download_server: BulkDownloadServer) -> None:
    emil = ConsoleClient(server=bulk_download_server.server)
    emil.sign_in("emil")
    rows = download_rows(emil, bulk_download_server.call_centre.account_param, caller=CALLER_NO)[1:]
    assert CALL_COUNT > 30
    assert len(rows) == 31
    assert rows[30] == ["The search found more calls than one CSV file may contain. The list ends here."]


def test_the_csv_needs_the_download_permission(signed_in: SignIn, call_centre: CallCentreData) -> None:
    other = f"{call_centre.bolt.ak}/bolt-account"
    for name, account in (
        ("lucy", call_centre.account_param),
        ("audrey", call_centre.account_param),
        ("emil", other),
        ("nick", call_centre.account_param),
    ):
        assert signed_in(name).get("/console/calls/csv?" + urlencode({"account": account})).status == 404
    assert "csv" not in signed_in("lucy").get("/console/calls").body.decode()


def test_an_invalid_search_redirects_to_the_page_with_the_reason(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    reply = signed_in("emil").get(
        "/console/calls/csv?" + urlencode({"account": call_centre.account_param, "min_talk": "x"})
    )
    assert (reply.status, reply.headers["location"].partition("?")[0]) == (303, "/console/calls")


def test_a_csv_download_is_audited(signed_in: SignIn, call_centre: CallCentreData) -> None:
    download_rows(signed_in("emil"), call_centre.account_param, caller="0123")
    with signed_in("emil").server.node.database.read_transaction() as connection:
        entry = connection.exec_driver_sql(
            "SELECT actor, target FROM audit_log WHERE action = 'calls_downloaded' ORDER BY id DESC"
        ).first()
    assert entry is not None
    assert entry[0] == "emil"
    assert "caller=0123" in entry[1]


def test_a_slow_reader_of_the_csv_blocks_no_other_request(signed_in: SignIn, call_centre: CallCentreData) -> None:
    emil = signed_in("emil")
    slow = http.client.HTTPConnection("127.0.0.1", emil.server.port, timeout=20)
    slow.request("GET", "/console/calls/csv", headers={"cookie": f"ccfs_session={emil.cookies['ccfs_session']}"})
    began = time.monotonic()
    assert emil.get("/console/account").status == 200
    assert time.monotonic() - began < 10
    slow.close()

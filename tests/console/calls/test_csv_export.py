"""A search as CSV: every call that it finds, no cell that calculates, no more rows than are allowed, nobody kept waiting."""

import csv
import http.client
import io
import time
from urllib.parse import urlencode

from tests.console.bulk.bulk_download_server import CALL_COUNT, CALLER_NO, BulkDownloadServer
from tests.console.call_centre_data import HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient


def download_rows(visitor: ConsoleClient, place: str, **asked: str) -> list[list[str]]:
    """The rows of a search's CSV, its head first."""
    reply = visitor.get("/console/calls/csv?" + urlencode({"account": place, **asked}))
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "text/csv;charset=UTF-8"
    assert reply.headers["content-disposition"].startswith('attachment; filename="calls-')
    assert reply.body.startswith(b"\xef\xbb\xbfcall_id,begin,")
    assert reply.body.count(b"\r\n") == reply.body.count(b"\n")
    return list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"), newline="")))


def test_it_has_every_call_of_the_search_once(signed_in: SignIn, call_centre: CallCentreData) -> None:
    emil = signed_in("emil")
    head, *rows = download_rows(emil, call_centre.account_param, sort="oldest")
    assert [row[0] for row in rows] == [f"1700000000-{number}" for number in (1, 2, 3, 4)]
    told = dict(zip(head, rows[0], strict=True))
    assert (told["caller"], told["callee"], told["agents"], told["queues"]) == ("02079460001", "600", "512", "sales")
    assert (told["answered"], told["talk_seconds"], told["recordings"]) == ("yes", "120", "1")
    assert (told["utc_offset"], told["direction"]) == ("UTC+08:00", "inbound")
    assert dict(zip(head, rows[3], strict=True))["caller_name"] == HOSTILE_TEXT
    assert [row[0] for row in download_rows(emil, call_centre.account_param, agent="513")[1:]] == ["1700000000-2"]


def test_no_name_of_a_caller_calculates(bulk_download_server: BulkDownloadServer) -> None:
    emil = ConsoleClient(server=bulk_download_server.server)
    emil.sign_in("emil")
    head, *rows = download_rows(emil, bulk_download_server.call_centre.account_param, caller=CALLER_NO, sort="oldest")
    names = {row[head.index("caller_name")] for row in rows[:30]}
    assert names == {'\'=HYPERLINK("http://x")'}


def test_it_ends_where_the_settings_say_and_says_so(bulk_download_server: BulkDownloadServer) -> None:
    emil = ConsoleClient(server=bulk_download_server.server)
    emil.sign_in("emil")
    rows = download_rows(emil, bulk_download_server.call_centre.account_param, caller=CALLER_NO)[1:]
    assert CALL_COUNT > 30
    assert len(rows) == 31
    assert rows[30] == ["More calls were found than one file may have; it ends here."]


def test_it_is_for_those_who_may_take_recordings_along(signed_in: SignIn, call_centre: CallCentreData) -> None:
    other = f"{call_centre.bolt.ak}/bolt-account"
    for name, place in (
        ("lucy", call_centre.account_param),
        ("audrey", call_centre.account_param),
        ("emil", other),
        ("nick", call_centre.account_param),
    ):
        assert signed_in(name).get("/console/calls/csv?" + urlencode({"account": place})).status == 404
    assert "csv" not in signed_in("lucy").get("/console/calls").body.decode()


def test_what_cannot_be_understood_leads_to_the_page_that_says_so(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    reply = signed_in("emil").get(
        "/console/calls/csv?" + urlencode({"account": call_centre.account_param, "min_talk": "x"})
    )
    assert (reply.status, reply.headers["location"].partition("?")[0]) == (303, "/console/calls")


def test_taking_it_is_in_the_log(signed_in: SignIn, call_centre: CallCentreData) -> None:
    download_rows(signed_in("emil"), call_centre.account_param, caller="0123")
    with signed_in("emil").server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT actor, target FROM audit_log WHERE action = 'calls_downloaded' ORDER BY id DESC"
        ).first()
    assert told is not None
    assert told[0] == "emil"
    assert "caller=0123" in told[1]


def test_who_reads_it_slowly_keeps_nobody_waiting(signed_in: SignIn, call_centre: CallCentreData) -> None:
    emil = signed_in("emil")
    slow = http.client.HTTPConnection("127.0.0.1", emil.server.port, timeout=20)
    slow.request("GET", "/console/calls/csv", headers={"cookie": f"ccfs_session={emil.cookies['ccfs_session']}"})
    began = time.monotonic()
    assert emil.get("/console/account").status == 200
    assert time.monotonic() - began < 10
    slow.close()

"""The audit log: sentences with links, filters, files; and who heard a call, on its page."""

import json
from urllib.parse import urlencode

from ccfs.model.identity.audit import CHANGE_ACTIONS, VIEW_ACTIONS, AuditAction
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient

CALL_ID = "1700000000-1"


def play(client: ConsoleClient, call_centre: CallCentreData, page: str = "audio") -> None:
    query = urlencode({"account": call_centre.account_param, "name": call_centre.first_recording.file_name})
    assert client.get(f"/console/{page}?{query}").status == 200


def get_call_page(client: ConsoleClient, call_centre: CallCentreData) -> str:
    return client.get_text("/console/call?" + urlencode({"account": call_centre.account_param, "id": CALL_ID}))


def test_who_heard_a_call_is_on_its_page_for_those_who_may_see_it(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    play(signed_in("lucy"), call_centre)
    play(signed_in("emil"), call_centre, "download")
    play(signed_in("emil"), call_centre, "waveform")
    for name in ("olga", "anna"):
        heard = get_call_page(signed_in(name), call_centre).partition("Who heard this call")[2]
        assert "lucy Played a recording" in heard
        assert "emil Downloaded a recording" in heard
        assert "waveform" not in heard
    assert "Who heard this call" not in get_call_page(signed_in("emil"), call_centre)


def test_the_audit_log_reads_as_sentences_with_links_for_those_who_may_open_them(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    play(signed_in("lucy"), call_centre)
    search = {"account": call_centre.account_param, "caller": "02079460001", "min_talk": "1:00", "period": "7"}
    signed_in("lucy").get("/console/calls?" + urlencode(search))
    page = signed_in("olga").get("/console/audit?actor=lucy").body.decode()
    link = "/console/call?" + urlencode({"account": call_centre.account_param, "id": CALL_ID}).replace("&", "&amp;")
    assert f'Played <span class="mono">heard.wav</span> of call <a href="{link}" class="mono">{CALL_ID}</a>' in page
    assert "Caller 02079460001, Talk time at least 1:00, Period Last 7 days</a>" in page
    seen_by_auditor = signed_in("audrey").get("/console/audit?actor=lucy").body.decode()
    assert f'of call <span class="mono">{CALL_ID}</span>' in seen_by_auditor


def test_the_audit_log_is_filtered_by_call_and_kind(signed_in: SignIn, call_centre: CallCentreData) -> None:
    play(signed_in("lucy"), call_centre)
    get_call_page(signed_in("lucy"), call_centre)
    olga = signed_in("olga")
    of_call = olga.get_text(f"/console/audit?call={CALL_ID}&period=today&zone=UTC").partition("IP address")[2]
    assert "Played heard.wav of call" in of_call
    assert f"Viewed call {CALL_ID}" in of_call
    assert "Signed in" not in of_call
    heard = olga.get_text(f"/console/audit?call={CALL_ID}&action=heard").partition("IP address")[2]
    assert "Played heard.wav of call" in heard
    assert "Viewed call" not in heard
    assert "No entries match" in olga.get_text("/console/audit?call=no-such-call")
    assert "No entries match" in olga.get_text(f"/console/audit?call={CALL_ID}&period=yesterday&zone=UTC")


def test_the_audit_log_shows_the_time_of_the_chosen_zone(signed_in: SignIn, call_centre: CallCentreData) -> None:
    play(signed_in("lucy"), call_centre)
    olga = signed_in("olga")
    for zone, offset in (("Asia/Shanghai", "+08:00"), ("UTC", "+00:00"), ("Mars/Base", "+00:00")):
        page = olga.get("/console/audit?" + urlencode({"actor": "lucy", "zone": zone})).body.decode()
        assert f'{offset}" title=' in page.partition("IP address")[2]


def test_the_audit_log_is_downloaded_as_csv_and_json_lines(signed_in: SignIn, call_centre: CallCentreData) -> None:
    play(signed_in("lucy"), call_centre)
    audrey = signed_in("audrey")
    reply = audrey.get("/console/audit/jsonl?action=heard&actor=lucy")
    entries = [json.loads(line) for line in reply.body.decode().splitlines()]
    assert {(entry["actor"], entry["action"], entry["call"]) for entry in entries} >= {
        ("lucy", "recording_played", CALL_ID)
    }
    assert "ccfs-audit-log-" in reply.headers["content-disposition"]
    lines = audrey.get("/console/audit/csv?action=heard&actor=lucy").body.decode("utf-8-sig").splitlines()
    assert lines[0] == "Time,User,App,Account,Action,Object,Address,Call"
    assert len(lines) == len(entries) + 1
    assert lines[1].endswith(f",{CALL_ID}")


def test_what_only_looks_at_something_is_no_change() -> None:
    looks = ("_viewed", "_searched", "_downloaded", "_played")
    assert [action for action in CHANGE_ACTIONS if action.endswith(looks)] == []
    assert {AuditAction.LOCATION_MOVE_REQUESTED, AuditAction.TARGETS_CHANGED} <= set(CHANGE_ACTIONS)
    assert AuditAction.BOARD_VIEWED in VIEW_ACTIONS

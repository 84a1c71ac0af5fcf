"""The search page, a call's page, the player's files."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape

from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.model.calls.agent_operation import AgentOperation
from tests.console.call_centre_data import BEGIN, DAY, HOSTILE_FILE_NAME, HOSTILE_TEXT, CallCentreData, make_leg
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text
from tests.server.ccfs_server import CcfsServer


def count_result_rows(text: str) -> int:
    return text.count('<tr data-href="/console/call?')


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("caller=02079460001", 3),
        ("caller=020-7946+0001", 3),
        ("caller=0123", 1),
        ("caller=0", 0),
        ("caller=%2B44+20+7946+0001", 3),
        ("caller=0044-20-79460001", 3),
        ("caller=460001", 3),
        ("caller=0207946000", 3),
        ("caller=9460%2C+123", 4),
        ("caller=script", 1),
        ("callee=0999", 1),
        ("callee=999", 1),
        ("q=9460001", 3),
        ("q=999", 1),
        ("q=SALES", 4),
        ("q=Script", 1),
        ("q=513", 1),
        ("q=nobody", 0),
        (f"q={DAY}+9460001", 3),
        ("q=26+Nov+2001", 0),
        ("agent=513", 1),
        ("agent=512&caller=02079460001", 2),
        ("agent=512%2C+513", 3),
        ("agent=51", 3),
        ("queue=sales", 4),
        ("queue=Sales", 4),
        ("queue=sal", 4),
        ("queue=sales&agent=513", 1),
        ("direction=outbound", 1),
        ("direction=inbound", 3),
        ("direction=internal", 0),
        ("min_talk=1", 3),
        ("min_talk=2%3A01", 0),
        ("max_talk=0", 1),
        ("min_talk=120s", 3),
        ("min_talk=2+min", 3),
        ("max_talk=3%3A00", 3),
        ("answered=yes", 3),
        ("answered=no", 1),
        ("recorded=yes", 2),
        ("recorded=no", 2),
        ("period=7&sort=oldest", 4),
        ("sort=longest", 4),
        ("sort=shortest", 3),
        ("to=2099-01-01T00:00", 0),
        ("from=2001-01-01T00:00&to=2001-02-01T00:00", 0),
    ],
)
def test_a_search_finds_each_call_once(signed_in: SignIn, query: str, count: int) -> None:
    reply = signed_in("lucy").get(f"/console/calls?{query}")
    page = reply.body.decode()
    assert reply.status == 200
    assert count_result_rows(page) == count
    assert (f">{count} calls<" in page, ">1 call<" in page) == (count > 1, count == 1)


@pytest.mark.parametrize(
    "query",
    [
        "min_talk=x",
        "max_talk=1:2:3:4",
        "from=yesterday",
        "min_talk=3+parsecs",
        "from=2026-02-01&to=2026-01-01",
        "from=2001-01-01&to=2003-01-01",
    ],
)
def test_an_invalid_search_is_rejected_with_the_reason(signed_in: SignIn, query: str) -> None:
    reply = signed_in("lucy").get(f"/console/calls?{query}")
    assert reply.status == 400
    assert b'class="problem"' in reply.body


@pytest.mark.parametrize(
    "after", ["x", "1.", "1.1", "9" * 50, "9999999999999999999.9999999999999999999.9999999999999999999", "-1.-1.0"]
)
def test_an_invalid_cursor_is_ignored(signed_in: SignIn, after: str) -> None:
    assert signed_in("lucy").get(f"/console/calls?after={quote(after)}").status == 200


def test_a_caller_name_is_shown_as_text(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy = signed_in("lucy")
    for path in (
        "/console/calls",
        "/console/call?" + urlencode({"account": call_centre.account_param, "id": "1700000000-4"}),
    ):
        page = lucy.get(path).body.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert HOSTILE_TEXT not in page
        assert "<img" not in page


def test_search_parameters_are_shown_as_text(signed_in: SignIn) -> None:
    shown = {"caller": "", "callee": "", "agent": str(escape(HOSTILE_TEXT)), "queue": str(escape(HOSTILE_TEXT))}
    for field in (*shown, "min_talk", "max_talk", "from", "to", "id", "sort", "period", "account"):
        page = signed_in("lucy").get(f"/console/calls?{urlencode({field: HOSTILE_TEXT})}").body.decode()
        assert HOSTILE_TEXT not in page
        assert "<img" not in page
        if shown.get(field):
            assert f'name="{field}" value="{shown[field]}"' in page


def test_a_hostile_file_name_breaks_no_header(signed_in: SignIn, call_centre: CallCentreData) -> None:
    reply = signed_in("emil").get(
        "/console/download?" + urlencode({"account": call_centre.account_param, "name": HOSTILE_FILE_NAME})
    )
    assert reply.status == 200
    assert "set-cookie" not in reply.headers
    assert reply.headers["content-disposition"].startswith('attachment; filename="')


def test_a_call_s_page_shows_legs_recordings_and_agent_operations(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    text = signed_in("lucy").get_text(
        "/console/call?" + urlencode({"account": call_centre.account_param, "id": "1700000000-1"})
    )
    for said in (
        "02079460001",
        "Waiting 0:20",
        "Talking 2:00",
        "sales",
        "After-call work",
        "1700000000.1",
        "heard.wav",
    ):
        assert said in text


def test_the_player_gets_ranges_of_the_recording(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy, path = (
        signed_in("lucy"),
        "/console/audio?"
        + urlencode({"account": call_centre.account_param, "name": call_centre.first_recording.file_name}),
    )
    whole, part = lucy.get(path), lucy.get(path, range="bytes=100-199")
    assert (whole.status, len(whole.body), whole.headers["content-type"]) == (
        200,
        call_centre.first_recording.blob.size,
        "audio/wav",
    )
    assert (part.status, part.body) == (206, whole.body[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.body)}"
    assert whole.headers["content-disposition"] == "inline"
    assert whole.headers["x-content-type-options"] == "nosniff"


def test_every_page_forbids_foreign_scripts(signed_in: SignIn, console_server: CcfsServer) -> None:
    for path in ("/console/calls", "/console/nothing", "/console/login", "/console/static/console.css"):
        reply = signed_in("lucy").get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-frame-options"] == "DENY"
        assert b" style=" not in reply.body
        assert b"<script>" not in reply.body
        assert b" onclick=" not in reply.body


def test_a_static_file_is_served_only_if_its_type_is_listed(anonymous: object, signed_in: SignIn) -> None:
    lucy = signed_in("lucy")
    assert lucy.get("/console/static/htmx.min.js").headers["cache-control"] == "public, max-age=31536000, immutable"
    for name in ("../router.py", "..%2frouter.py", "%2e%2e/zh.json", "", "/etc/passwd", "nothing.js"):
        assert lucy.get(f"/console/static/{name}").status == 404


def test_no_page_is_cached(signed_in: SignIn) -> None:
    assert signed_in("lucy").get("/console/calls").headers["cache-control"] == "no-store"


def test_a_transferred_call_s_page_has_every_segment_in_its_place_and_at_its_own_address(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    begin, call_id = BEGIN - timedelta(days=500), "1600000000-9"
    times = iter((0, 20, 20, 25, 25, 60, 60, 66, 60, 66, 66, 126))
    names = ("wait_begin", "wait_end", "ack_begin", "ack_end", "call_begin", "call_end")
    one, two = (dict[str, Any]((name, begin + timedelta(seconds=next(times))) for name in names) for _ in range(2))
    legs = [
        make_leg("acme-account", call_id, begin=begin + timedelta(seconds=20), call_id_num=1, leave_reason=17, **one),
        make_leg(
            "acme-account", call_id, 1, begin=begin + timedelta(seconds=60), agent_id="513", current_skill_id="", **two
        ),
    ]
    usual = {"account_id": "acme-account", "call_id": call_id, "vdn_id": "4", "cc_id": "1"}
    done = (("512", 38, 30, 40), ("512", 46, 60, 9000), ("513", 27, 126, 5226), ("512", 4, 25, 9000))
    operations = [
        AgentOperation(
            id=f"segments-{agent}-{op_type}",
            agent_id=agent,
            op_type=op_type,
            begin=begin + timedelta(seconds=first),
            end=begin + timedelta(seconds=last),
            **usual,  # type: ignore[arg-type]
        )
        for agent, op_type, first, last in done
    ]
    with console_server.node.database.write_transaction() as connection:
        cdrs.add(connection, call_centre.acme, legs)
        agent_operations.add(connection, call_centre.acme, operations)
    path = "/console/call?" + urlencode({"account": call_centre.account_param, "id": call_id})
    page = signed_in("lucy").get(path).body.decode()
    rows = re.findall(r'<tr id="segment-(\d+)">(.*?)</tr>', page, re.DOTALL)
    assert [number for number, _ in rows] == [str(number) for number in range(1, 10)]
    assert [" ".join(unescape(re.sub(r"<[^>]*>", " ", row)).split()[2:]) for _, row in rows] == [
        "Queue sales Waiting 0:20",
        "Agent 512 Ringing 0:05",
        "Agent 512 Talking 0:05",
        "Agent 512 On hold 0:10",
        "Agent 512 Talking 0:20 Transferred",
        "Agent 513 Ringing 0:06",
        "Agent 512 Transferring 0:06 → 513",
        "Agent 513 Talking 1:00 Normal cause 16",
        "Agent 513 After-call work 1:25:00",
    ]
    offsets = re.findall(r'data-seek="(\d+)"', page)
    assert offsets == [str(second * 1000) for second in (0, 20, 25, 30, 40, 60, 60, 66, 126)]
    bars = re.findall(r'<rect class="\w+" x="([\d.]+)%" y="1" width="([\d.]+)%"', page)
    assert len(bars) == 9
    assert all(float(x) + float(width) <= 100.001 for x, width in bars)
    section = extract_text(signed_in("lucy").get(path)).partition("Agent operations")[2]
    ends = re.findall(r"(\d\d:\d\d:\d\d) (\d\d:\d\d:\d\d|–) 51", section)
    assert [end == "–" for _, end in ends].count(True) == 1  # the transfer is a moment


def test_a_call_is_opened_at_a_second(signed_in: SignIn, call_centre: CallCentreData) -> None:
    call = {"account": call_centre.account_param, "id": "1700000000-1"}
    for second, start in (
        ("42", "42000"),
        ("1:02.5", "62500"),
        ("9:59:59", "145000"),
        ("x", "0"),
        ("-1", "0"),
        ("", "0"),
    ):
        page = signed_in("lucy").get("/console/call?" + urlencode(call | {"t": second})).body.decode()
        assert f'data-start="{start}"' in page, second
    assert "heard.wav#t=" not in page
    reply = signed_in("lucy").get("/console/calls?" + urlencode({"id": "1700000000-3", "t": "42"}))
    assert reply.headers["location"].endswith("&t=42")

"""The search page, a call's page, the player's files."""

from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape

from tests.console.call_centre_data import HOSTILE_FILE_NAME, HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
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
        ("q=yesterday+9460001", 3),
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

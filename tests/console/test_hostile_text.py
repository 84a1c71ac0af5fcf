"""Hostile text of callers, switches, receivers and users: it is no markup, no header, and no redirect."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Dialog

from ccfs.console.request import sanitize_redirect
from ccfs.db.schema import METADATA
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.system.jobs.callback_jobs import ClaimedDelivery
from ccfs.db.tenant import deliveries
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.db.tenant.ingest import expected_recordings, ingest_state
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, RetryDecision
from ccfs.model.exports.export import ExportKind
from ccfs.web.responses.headers import format_content_disposition
from tests.console.call_centre_data import BEGIN, CallCentreData, make_leg
from tests.console.chromium import open_browser, open_page
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import CALLBACK_URL, add_export, add_recording, make_a_law_wav

HOSTILE_TEXT = (
    "</td></textarea></title><script>alert(1)</script>\"'><img src=x onerror=alert(2)><a href=javascript:alert(3)>"
)
CALL_ID, RESPONSE_ID = "1700000000-66", "6a" * 16
FOREIGN_URLS = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/console/calls\r\nx: y",
]
FORBIDDEN_TAGS = {"script", "iframe", "object", "embed", "base", "style"}  # unless it comes from a file of ours


class ActiveContentParser(HTMLParser):
    """Collects what of a page could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect scripts, event handlers and foreign URLs."""
        given = {name: value or "" for name, value in attributes}
        source = given.get("src", given.get("href", ""))
        own = source.startswith(("/console", "#", "?")) or not source
        runs = any(name.startswith("on") or name == "style" for name in given)
        if (
            runs
            or (tag in FORBIDDEN_TAGS and not source)
            or not own
            or not given.get("action", "/console").startswith("/console")
        ):
            self.found.append(str(self.get_starttag_text()))


@pytest.fixture(scope="module")
def hostile_data(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """Add rows whose texts are all hostile."""
    text, now, app = HOSTILE_TEXT, datetime.now(UTC), call_centre.acme
    fields = ("agent_id", "caller_no", "callee_no", "user_wanted_skill_id", "current_skill_id", "caller_name")
    evil = dict.fromkeys((*fields, "switch_call_id", "switch_leg_id"), text)
    did = AgentOperation(
        id="evil", account_id="acme-account", agent_id=text, skill_id=text, call_id=CALL_ID, begin=BEGIN, end=None,
        op_type=AgentOperationType.AFTER_CALL, op_object=text, op_cause=text, phone_no=text, vdn_id="4", cc_id="1",
    )  # fmt: skip
    with console_server.node.database.write_transaction() as connection:
        cdrs.add(connection, app, [replace(make_leg("acme-account", CALL_ID, 40), **evil)])  # type: ignore[arg-type]
        agent_operations.add(connection, app, [did])
        refused = IngestRejection(file=f"/var/{text}", line=7, reason=text, raw=text.encode() + b"\xff\0")
        ingest_state.add_rejections(connection, app, [refused], now)
        ingest_state.set_cursor(
            connection, app, SourceCursor(path=f"acme:/{text}", first_line="", offset=1, line=1), now
        )
        expected_recordings.add(
            connection,
            app,
            [ExpectedRecording(account_id="acme-account", name=text, path=text, stem=text, call_id=text, since=BEGIN)],
        )
        expected_recordings.mark_missing(connection, app, now, now)
    more = {
        "account_id": "acme-account",
        "call_id": CALL_ID,
        "call_begin": BEGIN,
        "call_end": BEGIN + timedelta(minutes=1),
    }
    add_recording(
        console_server.node, app, make_a_law_wav(66, 1), f"/0/{text}.wav", f"Y:/66/0/20201015/{text}.V3", **more
    )
    add_export(console_server.node, app, b"zip", ExportKind.BILL, RESPONSE_ID)
    _add_callback_response(console_server, call_centre, text)


def _add_callback_response(console: CcfsServer, call_centre: CallCentreData, text: str) -> None:
    """Add a callback whose receiver responds with the text."""
    now = datetime.now(UTC)
    url = f"{CALLBACK_URL}?{text}"
    sent = Delivery(
        id="6b" * 16, app=call_centre.acme.id, ak=call_centre.acme.ak, url=url, body=text.encode(), created_at=now
    )
    outcome = AttemptOutcome(
        attempted_at=now, address=text, status=500, response=text.encode() + b"\xff\0", failure=text
    )
    claimed = ClaimedDelivery(delivery=sent, receiver=f"http://{text}", claims=1, lease="mine")
    with console.node.database.write_transaction() as connection:
        deliveries.add(connection, call_centre.acme, sent, RESPONSE_ID, f"http://{text}", now + timedelta(days=1))
        connection.exec_driver_sql("UPDATE deliveries SET lease = 'mine' WHERE id = '" + sent.id + "'")
        callback_jobs.save_results(
            connection, [(claimed, outcome, RetryDecision(state=DeliveryState.DEAD, due_at=None))]
        )


def iter_pages(call_centre: CallCentreData) -> Iterator[str]:
    """Yield the pages that show hostile text."""
    app = {"app": call_centre.acme.ak}
    yield from ("calls", "exports", "ingest", "apps", "users", "audit", "settings", "cluster", "account")
    yield "calls?" + urlencode({"account": call_centre.account_param})
    yield "call?" + urlencode({"account": call_centre.account_param, "id": CALL_ID})
    yield "export?" + urlencode(app | {"id": RESPONSE_ID})
    yield "callbacks?" + urlencode(app)
    yield "callbacks/retry?" + urlencode(app | {"receiver": f"http://{HOSTILE_TEXT}", "prefix": HOSTILE_TEXT})


def test_hostile_text_is_shown_as_text_on_every_page(
    signed_in: SignIn, call_centre: CallCentreData, hostile_data: None
) -> None:
    olga = signed_in("olga")
    ConsoleClient(server=olga.server).sign_in(HOSTILE_TEXT, "a wrong password")  # what was tried stands in the log
    shown = 0
    for path in iter_pages(call_centre):
        text = olga.get(f"/console/{path}").body.decode()
        assert ActiveContentParser(text).found == [], path
        shown += "&lt;script&gt;alert(1)" in text
    assert shown >= 7


def test_hostile_text_runs_no_script_in_a_browser(
    console_server: CcfsServer, signed_in: SignIn, call_centre: CallCentreData, hostile_data: None
) -> None:
    ran: list[str] = []

    def record_dialog(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    with open_browser() as chromium, open_page(chromium) as view:
        token = signed_in("olga").cookies["ccfs_session"]
        view.context.add_cookies([{"name": "ccfs_session", "value": token, "domain": "127.0.0.1", "path": "/console"}])
        view.on("dialog", record_dialog)
        for path in iter_pages(call_centre):
            view.goto(f"http://{console_server.host}/console/{path}")
            assert view.locator("main").count() == 1
    assert ran == []


def test_parameters_and_fields_are_shown_as_text(
    signed_in: SignIn, call_centre: CallCentreData, hostile_data: None
) -> None:
    olga = signed_in("olga")
    for path in iter_pages(call_centre):
        for field in (
            "q",
            "account",
            "id",
            "app",
            "condition",
            "actor",
            "action",
            "before",
            "done",
            "next",
            "logged_out",
            "prefix",
            "sort",
        ):
            reply = olga.get(f"/console/{path.partition('?')[0]}?{urlencode({field: HOSTILE_TEXT})}")
            assert ActiveContentParser(reply.body.decode()).found == [], (path, field)
    stranger = ConsoleClient(server=olga.server)
    for reply in (
        stranger.get(f"/console/login?next={quote(HOSTILE_TEXT)}"),
        stranger.get(f"/console/setup?link={quote(HOSTILE_TEXT)}"),
    ):
        assert ActiveContentParser(reply.body.decode()).found == []
    assert (
        ActiveContentParser(stranger.sign_in(HOSTILE_TEXT, HOSTILE_TEXT, next=HOSTILE_TEXT).body.decode()).found == []
    )
    for path, form in (
        ("users/add", {"name": HOSTILE_TEXT}),
        ("apps/add", {"name": HOSTILE_TEXT}),
        ("apps/account", {"app": call_centre.acme.ak, "account": HOSTILE_TEXT}),
    ):
        assert (
            ActiveContentParser(olga.post(f"/console/{path}", **form, role="operator", scope="").body.decode()).found
            == []
        )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_download_s_name_stays_within_its_header(name: str) -> None:
    header = format_content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    plain = header.removeprefix('attachment; filename="').partition('"')[0]
    assert not set(plain) & set('\\/;"')
    assert header.count('"') == 2


@given(st.one_of(st.text(max_size=60), st.sampled_from(FOREIGN_URLS), st.text("/\\consle?.:@#%\t\r\n", max_size=30)))
def test_a_redirect_stays_within_the_console_for_any_text(text: str) -> None:
    for path in (sanitize_redirect(text), sanitize_redirect(f"/console{text}")):
        assert path.startswith("/console")
        assert urlsplit(urljoin("https://here.example/x", path)).netloc == "here.example"
        assert path.isprintable()
        assert "\\" not in path


@pytest.mark.parametrize("elsewhere", FOREIGN_URLS)
def test_no_redirect_leaves_the_console(signed_in: SignIn, elsewhere: str) -> None:
    stranger = ConsoleClient(server=signed_in("olga").server)
    page = stranger.get(f"/console/login?next={quote(elsewhere)}")
    assert 'name="next" value="/console"' in page.body.decode()
    assert stranger.sign_in("lucy", next=elsewhere).headers["location"] == "/console"
    for reply in (
        stranger.post("/console/language", language="en", next=elsewhere),
        stranger.get(f"/console/login?next={quote(elsewhere)}"),
        ConsoleClient(server=stranger.server).get(f"/console/{quote(elsewhere)}?next={quote(elsewhere)}"),
    ):
        assert reply.status == 303
        assert reply.headers["location"] in ("/console", "/console/login")


def test_a_session_token_is_accepted_in_its_cookie_only(signed_in: SignIn) -> None:
    token = signed_in("lucy").cookies["ccfs_session"]
    stranger = ConsoleClient(server=signed_in("lucy").server)
    for path in (f"/console/account?ccfs_session={token}", f"/console/account?session={token}"):
        assert stranger.get(path).status == 303
    assert stranger.get("/console/account", authorization=f"Bearer {token}").status == 303
    assert "ccfs_session" not in stranger.get("/console/login").headers.get("set-cookie", "")  # none before signing in


def test_no_session_token_is_in_any_table(signed_in: SignIn, console_server: CcfsServer) -> None:
    token = signed_in("lucy").cookies["ccfs_session"]
    with console_server.node.database.read_transaction() as connection:
        for table in METADATA.tables:
            assert token not in str(connection.exec_driver_sql(f'SELECT * FROM "{table}"').all())

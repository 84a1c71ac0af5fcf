"""Text that callers, switches and receivers choose: on no page is it markup, in no header a line, in no address a way out."""

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
from ccfs.db.tenant import agent_operations, cdrs, deliveries, ingest_state
from ccfs.db.tenant.deliveries import ClaimedDelivery
from ccfs.db.tenant.ingest_state import ExpectedRecording, IngestRejection, SourceCursor
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, RetryDecision
from ccfs.model.exports.export import ExportKind
from ccfs.web.responses.types import format_content_disposition
from tests.cast import CALLBACK, a_law, keep_export, keep_recording
from tests.console.browsing import browser, page
from tests.console.conftest import Enter
from tests.console.floor import BEGIN, Floor, leg
from tests.console.visitor import Visitor
from tests.web.serving import Server

EVIL = "</td></textarea></title><script>alert(1)</script>\"'><img src=x onerror=alert(2)><a href=javascript:alert(3)>"
CALL, RESPONSE = "1700000000-66", "6a" * 16
ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/console/calls\r\nx: y",
]
NEVER = {"script", "iframe", "object", "embed", "base", "style"}  # unless it comes from a file of ours


class Parts(HTMLParser):
    """What of a page could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note it."""
        given = {name: value or "" for name, value in attributes}
        source = given.get("src", given.get("href", ""))
        own = source.startswith(("/console", "#", "?")) or not source
        runs = any(name.startswith("on") or name == "style" for name in given)
        if (
            runs
            or (tag in NEVER and not source)
            or not own
            or not given.get("action", "/console").startswith("/console")
        ):
            self.found.append(str(self.get_starttag_text()))


@pytest.fixture(scope="module")
def poisoned(console: Server, floor: Floor) -> None:
    """Everything that comes from outside says something evil."""
    text, now, app = EVIL, datetime.now(UTC), floor.acme
    fields = ("agent_id", "caller_no", "callee_no", "user_wanted_skill_id", "current_skill_id", "caller_name")
    evil = dict.fromkeys((*fields, "switch_call_id", "switch_leg_id"), text)
    did = AgentOperation(
        id="evil", account_id="acme-account", agent_id=text, skill_id=text, call_id=CALL, begin=BEGIN, end=None,
        op_type=AgentOperationType.AFTER_CALL, op_object=text, op_cause=text, phone_no=text, vdn_id="4", cc_id="1",
    )  # fmt: skip
    with console.node.database.write_transaction() as connection:
        cdrs.add(connection, app, [replace(leg("acme-account", CALL, 40), **evil)])  # type: ignore[arg-type]
        agent_operations.add(connection, app, [did])
        refused = IngestRejection(file=f"/var/{text}", line=7, reason=text, raw=text.encode() + b"\xff\0")
        ingest_state.add_rejections(connection, app, [refused], now)
        ingest_state.set_cursor(
            connection, app, SourceCursor(path=f"acme:/{text}", first_line="", offset=1, line=1), now
        )
        ingest_state.add_expected_recordings(
            connection, app, [ExpectedRecording(account_id="acme-account", name=text, call_id=text, since=BEGIN)]
        )
        ingest_state.mark_missing_recordings(connection, app, now, now)
    more = {
        "account_id": "acme-account",
        "call_id": CALL,
        "call_begin": BEGIN,
        "call_end": BEGIN + timedelta(minutes=1),
    }
    keep_recording(console.node, app, a_law(66, 1), f"/0/{text}.wav", f"Y:/66/0/20201015/{text}.V3", **more)
    keep_export(console.node, app, b"zip", ExportKind.BILL, RESPONSE)
    _answered(console, floor, text)


def _answered(console: Server, floor: Floor, text: str) -> None:
    """A callback whose receiver answers so."""
    now = datetime.now(UTC)
    url = f"{CALLBACK}?{text}"
    sent = Delivery(id="6b" * 16, app=floor.acme.id, ak=floor.acme.ak, url=url, body=text.encode(), created_at=now)
    outcome = AttemptOutcome(
        attempted_at=now, address=text, status=500, response=text.encode() + b"\xff\0", failure=text
    )
    claimed = ClaimedDelivery(delivery=sent, receiver=f"http://{text}", claims=1, lease="mine")
    with console.node.database.write_transaction() as connection:
        deliveries.add(connection, floor.acme, sent, RESPONSE, f"http://{text}", now + timedelta(days=1))
        connection.exec_driver_sql("UPDATE deliveries SET lease = 'mine' WHERE id = '" + sent.id + "'")
        deliveries.save_results(connection, [(claimed, outcome, RetryDecision(state=DeliveryState.DEAD, due_at=None))])


def pages(floor: Floor) -> Iterator[str]:
    """Where any of it is shown."""
    app = {"app": floor.acme.ak}
    yield from ("calls", "exports", "ingest", "apps", "people", "audit", "node", "places", "me")
    yield "calls?" + urlencode({"in": floor.place})
    yield "call?" + urlencode({"in": floor.place, "id": CALL})
    yield "export?" + urlencode(app | {"id": RESPONSE})
    yield "callbacks?" + urlencode(app)
    yield "callbacks/again?" + urlencode(app | {"receiver": f"http://{EVIL}", "prefix": EVIL})


def test_no_page_takes_what_comes_from_outside_for_markup(enter: Enter, floor: Floor, poisoned: None) -> None:
    olga = enter("olga")
    Visitor(server=olga.server).sign_in(EVIL, "a wrong password")  # what was tried stands in the log
    shown = 0
    for path in pages(floor):
        text = olga.get(f"/console/{path}").body.decode()
        assert Parts(text).found == [], path
        shown += "&lt;script&gt;alert(1)" in text
    assert shown >= 7


def test_nothing_of_it_runs_in_a_browser(console: Server, enter: Enter, floor: Floor, poisoned: None) -> None:
    ran: list[str] = []

    def told(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    with browser() as chromium, page(chromium) as view:
        token = enter("olga").cookies["ccfs_session"]
        view.context.add_cookies([{"name": "ccfs_session", "value": token, "domain": "127.0.0.1", "path": "/console"}])
        view.on("dialog", told)
        for path in pages(floor):
            view.goto(f"http://{console.host}/console/{path}")
            assert view.locator("main").count() == 1
    assert ran == []


def test_what_a_visitor_sends_comes_back_as_text(enter: Enter, floor: Floor, poisoned: None) -> None:
    olga = enter("olga")
    for path in pages(floor):
        for field in (
            "q",
            "in",
            "id",
            "app",
            "of",
            "who",
            "action",
            "before",
            "done",
            "next",
            "left",
            "prefix",
            "sort",
        ):
            reply = olga.get(f"/console/{path.partition('?')[0]}?{urlencode({field: EVIL})}")
            assert Parts(reply.body.decode()).found == [], (path, field)
    stranger = Visitor(server=olga.server)
    for reply in (
        stranger.get(f"/console/login?next={quote(EVIL)}"),
        stranger.get(f"/console/start?link={quote(EVIL)}"),
    ):
        assert Parts(reply.body.decode()).found == []
    assert Parts(stranger.sign_in(EVIL, EVIL, next=EVIL).body.decode()).found == []
    for path, form in (
        ("people/add", {"name": EVIL}),
        ("apps/add", {"name": EVIL}),
        ("apps/account", {"app": floor.acme.ak, "account": EVIL}),
    ):
        assert Parts(olga.post(f"/console/{path}", **form, role="operator", where="").body.decode()).found == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_name_of_a_download_stays_within_its_header(name: str) -> None:
    header = format_content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    plain = header.removeprefix('attachment; filename="').partition('"')[0]
    assert not set(plain) & set('\\/;"')
    assert header.count('"') == 2


@given(st.one_of(st.text(max_size=60), st.sampled_from(ELSEWHERE), st.text("/\\consle?.:@#%\t\r\n", max_size=30)))
def test_an_address_of_ours_stays_ours_whatever_a_browser_makes_of_it(text: str) -> None:
    for path in (sanitize_redirect(text), sanitize_redirect(f"/console{text}")):
        assert path.startswith("/console")
        assert urlsplit(urljoin("https://here.example/x", path)).netloc == "here.example"
        assert path.isprintable()
        assert "\\" not in path


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_page_leads_elsewhere(enter: Enter, elsewhere: str) -> None:
    stranger = Visitor(server=enter("olga").server)
    page = stranger.get(f"/console/login?next={quote(elsewhere)}")
    assert 'name="next" value="/console/calls"' in page.body.decode()
    assert stranger.sign_in("lucy", next=elsewhere).headers["location"] == "/console/calls"
    for reply in (
        stranger.post("/console/language", language="en", back=elsewhere),
        stranger.get(f"/console/login?next={quote(elsewhere)}"),
        Visitor(server=stranger.server).get(f"/console/{quote(elsewhere)}?next={quote(elsewhere)}"),
    ):
        assert urlsplit(reply.headers.get("location", "/console")).netloc == ""
        assert reply.headers.get("location", "/console").startswith("/console")


def test_a_session_comes_by_its_cookie_only(enter: Enter) -> None:
    token = enter("lucy").cookies["ccfs_session"]
    stranger = Visitor(server=enter("lucy").server)
    for path in (f"/console/me?ccfs_session={token}", f"/console/me?session={token}"):
        assert stranger.get(path).status == 303
    assert stranger.get("/console/me", authorization=f"Bearer {token}").status == 303
    assert "ccfs_session" not in stranger.get("/console/login").headers.get("set-cookie", "")  # none before signing in


def test_no_secret_of_a_session_is_in_any_table(enter: Enter, console: Server) -> None:
    token = enter("lucy").cookies["ccfs_session"]
    with console.node.database.read_transaction() as connection:
        for table in METADATA.tables:
            assert token not in str(connection.exec_driver_sql(f'SELECT * FROM "{table}"').all())

"""The pages of agents' days and the wallboard: what they show of operations, calls and queue visits, and what is unknown."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccfs.console.statistics.board_cache import MAX_AGE, BoardCache
from ccfs.db.system import tenants
from ccfs.db.tenant.calls import agent_operations, cdrs, queue_visits
from ccfs.db.tenant.calls.queue_visits import QueueVisitRow
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import Account, App, Vdn
from tests.console.call_centre_data import CallCentreData, make_leg
from tests.console.conftest import SignIn
from tests.server.ccfs_server import CcfsServer

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = datetime(2026, 3, 29, tzinfo=UTC)  # when clocks go forward in London
MINUTE = timedelta(minutes=1)
AddAccount = Callable[..., str]


@pytest.fixture(scope="module")
def add_account(console_server: CcfsServer, call_centre: CallCentreData) -> AddAccount:
    """Return a function that adds an account of London's clock with rows to acme, and returns the parameter `account`."""

    def add(
        name: str, number: int, operations: list[AgentOperation], legs: list[Cdr], visits: list[QueueVisitRow]
    ) -> str:
        app: App = call_centre.acme
        with console_server.node.database.write_transaction() as connection:
            account = Account(account_id=name, zone="Europe/London")
            tenants.add_account(connection, app, account, Vdn(vdn_id=number, cc_id=1, account_id=name), NOW)
            agent_operations.add(connection, app, operations)
            cdrs.add(connection, app, legs)
            queue_visits.upsert(connection, app, name, visits)
        return f"{app.ak}/{name}"

    return add


def make_operation(
    account: str, number: int, begin: datetime, minutes: float | None, op_type: int, agent: str = "700", **more: Any
) -> AgentOperation:
    end = None if minutes is None else begin + minutes * MINUTE
    values: dict[str, Any] = {"vdn_id": "1", "cc_id": "1", **more}
    return AgentOperation(
        id=f"{account}-{number}", account_id=account, agent_id=agent, begin=begin, end=end, op_type=op_type, **values
    )


def make_visit(number: int, queue: str, entered: datetime, **more: datetime | None) -> QueueVisitRow:
    times = {"rang_at": None, "connected_at": None, "left_at": None} | more
    return QueueVisitRow(switch_leg_id=f"v-{number}", queue=queue, entered_at=entered, agent="", outcome="", **times)


def test_an_agent_s_day_has_totals_and_links_its_calls(signed_in: SignIn, add_account: AddAccount) -> None:
    at = DAY + timedelta(hours=8)  # 09:00 in London
    rows: list[tuple[datetime, float | None, int, dict[str, Any]]] = [
        (at, 60, AgentOperationType.SIGN_IN, {}),
        (at + 60 * MINUTE, 4, AgentOperationType.TALKING, {"call_id": "1774771200-1", "skill_id": "sales"}),
        (at + 64 * MINUTE, 30, AgentOperationType.AFTER_CALL, {"call_id": "1774771200-1", "skill_id": "sales"}),
        (at + 94 * MINUTE, 20, AgentOperationType.BUSY, {"reason": "lunch", "op_cause": "1"}),
        (at + 114 * MINUTE, 6, AgentOperationType.IDLE, {}),
        (at + 120 * MINUTE, None, AgentOperationType.SIGN_OUT, {}),
    ]
    operations = [make_operation("acme-day", number, *row[:3], **row[3]) for number, row in enumerate(rows)]
    talk: dict[str, Any] = {
        "call_begin": at + 60 * MINUTE,
        "call_end": at + 64 * MINUTE,
        "begin": at + 59 * MINUTE,
        "agent_id": "700",
    }
    account = add_account("acme-day", 61, operations, [make_leg("acme-day", "1774771200-1", **talk)], [])
    olga = signed_in("olga")
    path = f"/console/agent?account={account}&agent=700&day=2026-03-29"
    text = olga.get_text(path)
    assert "Time logged in 2 h 0 min Ready 1 h 35 min Talking 4:00 After-call work 1:00" in text
    assert "Not ready 20:00 lunch: 20:00 Occupancy 5.0% Calls 1" in text
    assert "times in Europe/London" in text
    assert "10:00:00 10:04:00 Talking" in text
    page = olga.get(path).body.decode()
    assert f"/console/call?account={account.replace('/', '%2F')}&amp;id=1774771200-1" in page
    assert "day=2026-03-28" in page
    assert "day=2026-03-30" in page
    team = olga.get_text(f"/console/team?account={account}&day=2026-03-29&queue=sales")
    assert "700 " in team
    assert "2 h 0 min 4:00 1:00 20:00 5.0%" in team
    assert "The switch reported no agents" in olga.get_text(
        f"/console/team?account={account}&day=2026-03-29&queue=none"
    )
    assert "No data for this agent" in olga.get_text(f"/console/agent?account={account}&agent=nobody")
    assert "Viewed the day of an agent 700 2026-03-29" in olga.get_text("/console/audit?actor=olga")


def test_the_board_shows_who_waits_and_what_agents_do(signed_in: SignIn, add_account: AddAccount) -> None:
    now = datetime.now(UTC)
    visits = [
        make_visit(1, "sales", now - 3 * MINUTE),
        make_visit(2, "sales", now - MINUTE),
        make_visit(3, "support", now - 2 * MINUTE, left_at=now),
        make_visit(4, "support", now - 2 * MINUTE, connected_at=now),
        make_visit(5, "support", now - timedelta(hours=9)),
    ]
    kinds = (
        AgentOperationType.IDLE,
        AgentOperationType.BUSY,
        AgentOperationType.TALKING,
        AgentOperationType.AFTER_CALL,
    )
    operations = [
        make_operation(
            "acme-board", number, now - 5 * MINUTE, None, kind, f"70{number}", reason="lunch" if kind == 3 else ""
        )
        for number, kind in enumerate(kinds)
    ]
    account = add_account("acme-board", 62, operations, [], visits)
    text = signed_in("olga").get_text(f"/console/wallboard?account={account}")
    assert "Waiting now 2 Longest waiting 3:" in text
    assert "Ready 2 Not ready 1 Talking 1 After-call work 0 Logged out 0" in text  # 60 s of after-call work at most
    assert "701 Not ready (lunch)" in text
    assert "Newest data: 5:" in text
    assert "Unknown" not in text


def test_the_board_says_what_is_unknown_and_old(signed_in: SignIn, call_centre: CallCentreData) -> None:
    text = signed_in("olga").get_text(f"/console/wallboard?account={call_centre.acme.ak}/acme-other")
    assert "Waiting callers are unknown" in text
    assert "Waiting now ? Longest waiting ?" in text
    assert "Agent states are unknown" in text
    assert "No new data for " in text


def test_a_board_is_loaded_once_for_all_screens() -> None:
    cache: BoardCache[int] = BoardCache()
    loads: list[int] = []

    def load() -> int:
        loads.append(len(loads))
        return loads[-1]

    assert [cache.get("a", NOW, load), cache.get("a", NOW + MAX_AGE / 2, load), cache.get("b", NOW, load)] == [0, 0, 1]
    assert [cache.get("a", NOW + MAX_AGE, load), cache.get("a", NOW - MAX_AGE, load)] == [2, 3]

"""Statistics of a period equal those recomputed from its rows one by one, across both changes of the clock."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import tenants
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.db.tenant.calls.statistics import call_statistics, daily_statistics, period_statistics
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.model.calls.reports.figures import Figures, select_group
from ccfs.model.calls.statistics import bucket_wait
from ccfs.model.calls.statistics_slots import DAY, Step, get_midnight, list_days, split_window, sum_slots
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import Account, App
from ccfs.workers.maintenance.statistics import update_call_statistics, update_daily_statistics
from tests.db import sample_rows
from tests.db.sample_rows import SECOND

LONDON = ZoneInfo("Europe/London")
CHANGES = {"spring": date(2026, 3, 29), "autumn": date(2026, 10, 25)}
AFTER_CALL, TARGET = 45, 15
QUEUES, AGENTS = ("sales", "support", "銷售"), ("501", "502", "503")
OPERATION_TYPES = (1, 2, 3, 4, 27, 0, 46)


def make_call(random: Random, number: int, window: TimeWindow) -> list[Cdr]:
    """Return one to three legs of a call that begins in the window: of a queue, of agents who answer or do not."""
    seconds = int((window.end - window.begin).total_seconds())
    begin = window.begin + random.randrange(seconds) * SECOND
    legs, call_type = [], random.choice((0, 0, 7))
    for leg in range(random.randint(1, 3)):
        at = begin + leg * random.choice((4, 900, 5000)) * SECOND
        waited, rang, talk = (random.randrange(most) * SECOND for most in (200, 30, 400))
        is_agent, answers = random.random() < 0.7, random.random() < 0.6
        has_talk = is_agent and answers
        legs.append(
            Cdr(
                account_id="100", cc_id="1", vdn_id="8", call_id=f"call-{number}", call_id_num=leg + 1, begin=at,
                agent_id=random.choice(AGENTS) if is_agent else "", call_type=call_type,
                current_skill_id=random.choice((*QUEUES, "")),
                device_type=DeviceType.AGENT if is_agent else DeviceType.QUEUE,
                wait_begin=begin, wait_end=at + waited, ack_begin=at if is_agent else None,
                ack_end=at + rang if is_agent else None, call_begin=at + waited if has_talk else None,
                call_end=at + waited + talk if has_talk else None, source_key=f"{number:030x}{leg:02x}",
            )
        )  # fmt: skip
    return legs


def make_operations(random: Random, window: TimeWindow) -> list[AgentOperation]:
    """Return a chain of states for each agent, of which the last is open, and holds within talks."""
    operations: list[AgentOperation] = []
    for agent in AGENTS:
        at = window.begin - timedelta(hours=3)
        while at < window.end:
            end = at + random.choice((20, 300, 7000, 40_000)) * SECOND
            kind = random.choice(OPERATION_TYPES)
            is_last = end >= window.end
            number = len(operations)
            values: dict[str, Any] = {"account_id": "100", "agent_id": agent, "vdn_id": "8", "cc_id": "1"}
            queue = random.choice((*QUEUES, ""))
            operations.append(
                AgentOperation(
                    id=f"{number:032x}", begin=at, end=None if is_last else end, op_type=kind, skill_id=queue, **values
                )
            )
            if kind == AgentOperationType.TALKING:
                hold = AgentOperation(
                    id=f"f{number:031x}", begin=at, end=at + 9 * SECOND, op_type=AgentOperationType.HOLD, **values
                )
                operations.append(hold)
            at = end
    return operations


def recompute_calls(calls: Sequence[Sequence[Cdr]], queue: str, agent: str) -> tuple[object, ...]:
    """Return the figures of a queue, an agent or all from the legs, with no sums in between."""
    talks, waits, fast = [], [], 0
    for legs in calls:
        own = [leg for leg in legs if not queue or leg.current_skill_id == queue]
        own = [leg for leg in own if not agent or (leg.agent_id == agent and leg.device_type == DeviceType.AGENT)]
        if not own:
            continue
        spoken = [leg for leg in own if leg.device_type == DeviceType.AGENT] or own
        talk = sum(
            int((leg.call_end - leg.call_begin).total_seconds()) for leg in spoken if leg.call_begin and leg.call_end
        )
        spans = [(leg.ack_begin, leg.ack_end) if agent else (leg.wait_begin, leg.wait_end) for leg in own]
        seconds = {
            second
            for begin, end in spans
            if begin and end
            for second in range(int(begin.timestamp()), int(end.timestamp()))
        }
        talks.append(talk)
        waits.append(len(seconds))
        fast += bool(talk) and len(seconds) <= TARGET
    number = len(waits)
    p90 = sorted(waits)[ceil(0.9 * number) - 1] if waits else None
    answered = sum(talk > 0 for talk in talks)
    return (
        number,
        answered,
        sum(talks),
        sum(waits),
        None if p90 is None else bucket_wait(p90 * SECOND),
        fast / number if number else None,
    )


def get_figures(figures: Figures) -> tuple[object, ...]:
    calls = figures.calls
    level = figures.get_service_level(TARGET)
    return figures.offered, calls.answered, calls.talk_seconds, calls.wait_seconds, calls.wait_percentile(0.9), level


def recompute_times(operations: Sequence[AgentOperation], window: TimeWindow) -> dict[str, dict[str, int]]:
    """Count each second of each agent on its own."""
    names = {1: "ready", 2: "ready", 3: "not_ready", 4: "talking", 27: "after_call", 46: "after_call", 38: "hold"}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    first, last = int(window.begin.timestamp()), int(window.end.timestamp())
    for row in operations:
        if row.op_type not in names:
            continue
        begin = int(row.begin.timestamp())
        end = min(int(row.end.timestamp()) if row.end else last, begin + 86_400)
        for second in range(max(begin, first), min(end, last)):
            is_over = names[row.op_type] == "after_call" and second >= begin + AFTER_CALL
            sums[row.agent_id]["ready" if is_over else names[row.op_type]] += 1
    return sums


def compute_all(database: Database, now: datetime) -> None:
    while update_call_statistics(database) or update_daily_statistics(database, now):
        pass


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", [1, 2])
def test_figures_equal_those_recomputed_from_the_rows(database: Database, app: App, change: str, seed: int) -> None:
    random, day = Random(f"{change} {seed}"), CHANGES[change]
    window = TimeWindow(
        begin=get_midnight(day - DAY, LONDON), end=get_midnight(day + DAY, LONDON) + timedelta(hours=9, minutes=15)
    )
    calls = [make_call(random, number, window) for number in range(250)]
    operations = make_operations(random, window)
    now = window.end
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, "Europe/London")
        tenants.set_account_targets(connection, app, "100", TARGET, AFTER_CALL)
        legs = [leg for call in calls for leg in call]
        cdrs.add(connection, app, legs)
        agent_operations.add(connection, app, operations)
    compute_all(database, now)
    with database.read_transaction() as connection:
        account = tenants.get_accounts(connection, app)["100"]
        loaded = period_statistics.load_period(connection, app, account, window, now)
        quarters = period_statistics.load_quarters(connection, app, account, window, with_groups=True)
        days = daily_statistics.load_days(connection, app, "100", window)
    assert [part for part in days if not part.is_stale and part.window.end <= now] == days[:2]
    tables = loaded.build_tables()
    assert get_figures(tables.account) == recompute_calls(calls, "", "")
    assert {row.name: get_figures(row) for row in tables.queues} == {
        queue: recompute_calls(calls, queue, "") for queue in QUEUES
    }
    assert {row.name: get_figures(row) for row in tables.agents} == {
        agent: recompute_calls(calls, "", agent) for agent in AGENTS
    }
    times = recompute_times(operations, window)
    for row in tables.agents:
        names = ("ready", "not_ready", "talking", "hold", "after_call")
        assert {name: getattr(row.times, name) for name in names} == {name: times[row.name][name] for name in names}
    outbound = [call for call in calls if call[0].call_type == 7]
    assert get_figures(loaded.build_tables(Direction.OUTBOUND).account) == recompute_calls(outbound, "", "")
    for step, parts in (
        (Step.QUARTER, quarters),
        (Step.HOUR, quarters),
        (Step.DAY, loaded.parts),
        (Step.WEEK, loaded.parts),
    ):
        slots = split_window(window, step, LONDON)
        found = sum_slots(slots, parts, lambda part: select_group(part, "sales", "", None))
        for slot, statistics in zip(slots, found, strict=True):
            own = [call for call in calls if slot.begin <= min(leg.begin for leg in call) < slot.end]
            assert get_figures(Figures(calls=statistics)) == recompute_calls(own, "sales", "")


@pytest.mark.parametrize(("change", "hours"), [("spring", 23), ("autumn", 25)])
def test_a_day_has_23_or_25_hours_when_the_clock_changes(change: str, hours: int) -> None:
    day = CHANGES[change]
    window = TimeWindow(begin=get_midnight(day, LONDON), end=get_midnight(day + DAY, LONDON))
    assert [len(split_window(window, step, LONDON)) for step in Step] == [4 * hours, hours, 1, 1]
    assert list_days(window, LONDON) == [day]
    weeks = split_window(TimeWindow(begin=window.begin - 3 * DAY, end=window.end + 9 * DAY), Step.WEEK, LONDON)
    assert all(slot.begin.astimezone(LONDON).weekday() == 0 for slot in weeks[1:])


def test_a_changed_zone_counts_the_days_again(database: Database, app: App) -> None:
    begin = datetime(2026, 5, 4, 23, 0, tzinfo=UTC)  # 5 May in Shanghai
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, "Asia/Shanghai")
        row = Cdr(
            account_id="100", cc_id="1", vdn_id="8", call_id="1", call_id_num=LAST_LEG, begin=begin, source_key="1"
        )
        cdrs.add(connection, app, [row])
    now = begin + timedelta(days=9)
    compute_all(database, now)
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, "Europe/London")
    compute_all(database, now)
    london = Account(account_id="100", zone="Europe/London")
    windows = list(
        split_window(TimeWindow(begin=begin - timedelta(hours=24), end=begin + timedelta(hours=24)), Step.DAY, LONDON)
    )
    with database.read_transaction() as connection:
        found = [
            period_statistics.load_period(connection, app, london, window, now).build_tables().account.offered
            for window in windows
        ]
    assert found == [0, 1]


def test_statistics_of_a_deleted_month_go_with_its_last_day(database: Database, app: App) -> None:
    month = datetime(2026, 3, 1, tzinfo=UTC)
    begins = [month - timedelta(hours=1), month, month + timedelta(hours=25)]
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, "UTC")
        shared: dict[str, Any] = {"account_id": "100", "cc_id": "1", "vdn_id": "8"}
        rows = [Cdr(**shared, call_id=f"{begin}", begin=begin, source_key=f"{begin}") for begin in begins]
        cdrs.add(connection, app, rows)
    compute_all(database, month + timedelta(days=9))
    with database.write_transaction() as connection:
        call_statistics.delete_before(connection, app, month)
        for table in (schema.call_statistics, schema.daily_statistics):
            kept = connection.execute(sa.select(table.c.begin).order_by(table.c.begin)).scalars().all()
            assert kept == [month, month + timedelta(hours=25 if table is schema.call_statistics else 24)]

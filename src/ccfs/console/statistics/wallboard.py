"""The wallboard of an account: who waits, what agents do, and today's figures, with the age of the data."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics.board_cache import BoardCache
from ccfs.db.system.console import audit
from ccfs.db.tenant.calls.statistics import live_state, period_statistics
from ccfs.db.tenant.calls.statistics.daily_statistics import get_day
from ccfs.db.tenant.calls.statistics.live_state import LiveState
from ccfs.model.calls.call import Direction
from ccfs.model.calls.reports.figures import FigureTables
from ccfs.model.calls.statistics import QUARTER_HOUR, quarter_start
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

OLD_DATA: Final = timedelta(minutes=15)  # the board then warns
AUDIT_INTERVAL: Final = timedelta(hours=12)  # of a board that refreshes itself
MAX_AGENTS: Final = 80
MAX_QUEUES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardState:
    """The content of a board at one instant."""

    at: datetime
    live: LiveState
    today: FigureTables  # of inbound calls

    @property
    def callers(self) -> int:
        """Number of callers who wait."""
        return sum(queue.callers for queue in self.live.waiting)

    @property
    def longest_wait(self) -> timedelta | None:
        """How long the first of them has waited; None if nobody waits."""
        return max((self.at - queue.since for queue in self.live.waiting), default=None)

    @property
    def agents_by_state(self) -> Counter[str]:
        """Number of agents in each state."""
        return Counter(agent.state or "signed_out" for agent in self.live.agents)

    @property
    def age(self) -> timedelta | None:
        """The age of the newest data; None without any."""
        return max(self.at - self.live.newest, timedelta()) if self.live.newest else None

    @property
    def is_old(self) -> bool:
        """Whether the data are too old for a board."""
        return self.age is None or self.age > OLD_DATA


_CACHE: Final[BoardCache[BoardState]] = BoardCache()  # of this process


async def show_wallboard(request: ConsoleRequest) -> Response:
    """Show the board of an account; it refreshes itself."""
    scopes = await request.list_scopes(Permission.SEARCH)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    entry = request.build_audit_entry(AuditAction.BOARD_VIEWED, "", scope)
    since = request.context.now() - AUDIT_INTERVAL
    if not await request.context.query(lambda connection: audit.was_logged_since(connection, entry, since)):
        await request.audit_action(AuditAction.BOARD_VIEWED, "", scope)
    board = await request.context.query(partial(load_board, request, scope))
    return request.render_page(
        "wallboard.html",
        scopes=scopes,
        scope=scope,
        board=board,
        target=scope.account.service_level_seconds,
        max_agents=MAX_AGENTS,
        max_queues=MAX_QUEUES,
    )


def load_board(request: ConsoleRequest, scope: AccountScope, connection: Connection) -> BoardState:
    """Return the content of an account's board, which all of its screens share for a few seconds."""
    now = request.context.now()
    key = (request.context.settings.data, scope.app.id, scope.account)
    return _CACHE.get(key, now, lambda: _load(connection, scope, now))


def _load(connection: Connection, scope: AccountScope, now: datetime) -> BoardState:
    today = TimeWindow(begin=get_day(now, scope.zone).begin, end=quarter_start(now) + QUARTER_HOUR)
    statistics = period_statistics.load_period(connection, scope.app, scope.account, today, now)
    return BoardState(
        at=now,
        live=live_state.load_live_state(connection, scope.app, scope.account, now),
        today=statistics.build_tables(Direction.INBOUND),
    )

"""The connections of a web process: their number, their clients, and which of them to close when there are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import islice
from typing import Protocol

from ccfs.http_server.connections.addresses import format_client_address, is_in_networks, parse_address
from ccfs.http_server.limits import MANY_CONNECTIONS_SHARE, RESERVED_CONNECTIONS, HttpLimits


class Phase(IntEnum):
    """The phase of a connection. Connections in lower phases are closed first."""

    SILENT = 0  # no byte has arrived
    HEAD = 1  # a part of a request's head has arrived
    IDLE = 2  # between two requests
    REQUEST = 3  # a request is handled, or its body arrives
    DISCARD = 4  # the rest of a rejected body is dropped
    CLOSING = 5  # the last response is sent


class Admission(IntEnum):
    """Whether a new connection is accepted, and on what terms."""

    ADMITTED = 0
    RESERVE = 1  # health checks only
    REJECTED = 2


class TableEntry(Protocol):
    """A connection as the table sees it."""

    phase: Phase

    @property
    def waits_for_client(self) -> bool:
        """Whether the connection can only continue when the client sends or reads."""

    def evict(self) -> None:
        """Close the connection immediately to make room for another one."""

    def abort(self) -> None:
        """Close the connection immediately."""

    def check(self, now: float) -> None:
        """Close the connection if it is too slow."""

    def drain_connection(self, now: float) -> None:
        """Close the connection as soon as no response is in progress."""


_WAITING_PHASES = (Phase.SILENT, Phase.HEAD, Phase.IDLE)
_ALL_PHASES = (*_WAITING_PHASES, Phase.DISCARD, Phase.CLOSING, Phase.REQUEST)
_Group = dict[TableEntry, None]  # the connections of one client, the oldest first


class ConnectionTable:
    """All connections of one web process."""

    def __init__(self, limits: HttpLimits, count_closed: Callable[[str], None]) -> None:
        """`count_closed` is called with "evicted" for a connection closed to make room, "rejected" for one that finds none."""
        self._limits = limits
        self._count_closed = count_closed
        self._many = limits.max_connections // MANY_CONNECTIONS_SHARE
        self._groups: dict[str, _Group] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TableEntry]:
        for group in list(self._groups.values()):
            yield from list(group)

    def admit(self, host: str) -> tuple[Admission, str]:
        """Return how to treat a new connection of a peer, and its group for `add`.

        It may close other connections, but never those of a client that has fewer than this one.
        """
        address, is_exempt = parse_address(host), self._is_exempt(host)
        key = format_client_address(address) if address else host
        group, limit = self._groups.get(key, {}), self._limits.max_connections_per_address
        if not is_exempt and len(group) >= limit > 0 and not self._evict_from(group, _WAITING_PHASES):
            self._count_closed("rejected")
            return Admission.REJECTED, key
        own_size = 0 if is_exempt else len(group)
        while self._count >= self._limits.max_connections and self.evict_any(own_size):
            pass
        if self._count < self._limits.max_connections:
            return Admission.ADMITTED, key
        if own_size > self._many or self._count >= self._limits.max_connections + RESERVED_CONNECTIONS:
            self._count_closed("rejected")
            return Admission.REJECTED, key
        return Admission.RESERVE, key

    def count_room(self, most: int) -> int:
        """Return how many connections can be added without closing one that is busy, at most `most`."""
        room = self._limits.max_connections - self._count
        if room < most:
            idle = (entry for entry in self if entry.phase in _WAITING_PHASES and entry.waits_for_client)
            room += sum(1 for _ in islice(idle, most - room))
        return min(room, most)

    def add(self, entry: TableEntry, key: str) -> None:
        """Count a connection."""
        self._groups.setdefault(key, {})[entry] = None
        self._count += 1

    def remove(self, entry: TableEntry, key: str) -> None:
        """Remove a connection, if it is still counted."""
        group = self._groups.get(key)
        if group is None or entry not in group:
            return
        del group[entry]
        self._count -= 1
        if not group:
            del self._groups[key]

    def evict_any(self, least_size: int = 0) -> bool:
        """Close one connection to make room, trying the clients with the most connections first; return whether one was closed.

        Clients with fewer than `least_size` connections lose none. A client that has more than that, and a large share of
        all connections, can even lose one whose request the server is still working on.
        """
        for key in sorted(self._groups, key=lambda key: len(self._groups[key]), reverse=True):
            group = self._groups[key]
            if len(group) < least_size:
                return False
            is_large = len(group) > self._many and not self._is_exempt(key)
            if self._evict_from(group, _ALL_PHASES if is_large else _WAITING_PHASES):
                return True
            if is_large and len(group) > least_size and self._evict_from(group, _ALL_PHASES, must_wait=False):
                return True
        return False

    def _is_exempt(self, key: str) -> bool:
        address = parse_address(key.partition("/")[0])
        return address is not None and is_in_networks(address, self._limits.exempt_networks)

    def _evict_from(self, group: _Group, phases: tuple[Phase, ...], *, must_wait: bool = True) -> bool:
        """Close the oldest connection in the first of the phases with any; with `must_wait`, only one waiting for its client."""
        for phase in phases:
            for entry in group:
                if entry.phase is phase and (entry.waits_for_client or not must_wait):
                    self._count_closed("evicted")
                    entry.evict()
                    return True
        return False

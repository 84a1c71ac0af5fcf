"""The connections of a web process: how many there are, whose they are, and which of them has to make room for another."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Protocol

from ccfs.http_server.addresses import format_client_address, is_in_networks, parse_address
from ccfs.http_server.limits import RESERVED_CONNECTIONS, HttpLimits


class Phase(IntEnum):
    """How far a connection is; the lower, the sooner it has to make room."""

    SILENT = 0  # no byte has arrived
    HEAD = 1  # a part of a request's head has arrived
    IDLE = 2  # between two requests
    REQUEST = 3  # a request is handled, or its body arrives
    DISCARD = 4  # the rest of a rejected body is dropped
    CLOSING = 5  # the last response is sent


class Admission(IntEnum):
    """How a new connection is treated."""

    ADMITTED = 0
    RESERVE = 1  # health checks only
    REJECTED = 2


class TableEntry(Protocol):
    """A connection as the table sees it."""

    phase: Phase

    def has_unread_bytes(self) -> bool:
        """Return whether the client has sent bytes that were not read yet."""

    def evict(self) -> None:
        """Close it at once, to make room."""

    def abort(self) -> None:
        """Close it at once."""

    def check(self, now: float) -> None:
        """Close it if it is too slow."""

    def drain_connection(self, now: float) -> None:
        """Close it as soon as no response is under way."""


_Group = dict[TableEntry, None]  # the connections of one client, the oldest first


class ConnectionTable:
    """All connections of one web process."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._groups: dict[str, _Group] = {}
        self._count = 0
        self.evicted = 0  # connections that had to make room
        self.rejected = 0  # connections that found none

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TableEntry]:
        for group in list(self._groups.values()):
            yield from list(group)

    def admit(self, host: str) -> tuple[Admission, str]:
        """Return how a new connection of a peer is treated, and its group, for `add`. Others may be closed for it."""
        address = parse_address(host)
        key = format_client_address(address) if address else host
        group = self._groups.get(key)
        is_exempt = address is not None and is_in_networks(address, self._limits.exempt_networks)
        has_too_many = group and not is_exempt and len(group) >= self._limits.max_connections_per_address > 0
        if group and has_too_many and not self._evict_from(group):
            self.rejected += 1
            return Admission.REJECTED, key
        while self._count >= self._limits.max_connections and self._evict_any():
            pass
        if self._count >= self._limits.max_connections + RESERVED_CONNECTIONS:
            self.rejected += 1
            return Admission.REJECTED, key
        if self._count >= self._limits.max_connections:
            return Admission.RESERVE, key
        return Admission.ADMITTED, key

    def add(self, entry: TableEntry, key: str) -> None:
        """Count a connection."""
        self._groups.setdefault(key, {})[entry] = None
        self._count += 1

    def remove(self, entry: TableEntry, key: str) -> None:
        """Forget a connection, if it is still counted."""
        group = self._groups.get(key)
        if group is None or entry not in group:
            return
        del group[entry]
        self._count -= 1
        if not group:
            del self._groups[key]

    def evict_waiting(self) -> bool:
        """Close a connection that waits for its client, to free a descriptor; return whether there was one."""
        return self._evict_any()

    def _evict_any(self) -> bool:
        """Make room at the cost of the client with the most connections, else of the next one."""
        groups = sorted(self._groups.values(), key=len, reverse=True)
        return any(self._evict_from(group) for group in groups)

    def _evict_from(self, group: _Group) -> bool:
        """Close the connection that waits for its client, has nothing unread, and is the least useful; of equals the oldest."""
        for phase in (Phase.SILENT, Phase.HEAD, Phase.IDLE):
            for entry in group:
                if entry.phase is phase and not entry.has_unread_bytes():
                    self.evicted += 1
                    entry.evict()
                    return True
        return False

"""The limits of the server as values."""

from dataclasses import dataclass, replace

from ccfs.http_server.connections.addresses import Networks

MAX_READ_AHEAD_BYTES = 1 << 14  # of a connection that nobody has read yet; then the server stops reading
LARGE_READ_BYTES = 1 << 17  # that are read at a time while somebody waits for a body
MANY_CONNECTIONS_SHARE = 16  # a client with more than that part of all connections loses slow requests, too
MAX_DISCARD_BYTES = 64 << 20  # of a rejected body that are read and dropped, so that the client sees the response
KEPT_DISCARD_BYTES = 1 << 20  # of a rejected body after which the connection is still used
DISCARD_SECONDS = 30.0  # longest time for that
DISCARD_IDLE_SECONDS = 5.0  # longest time without a byte meanwhile
LINGER_SECONDS = 2.0  # in which bytes after a malformed request are dropped, so that the client sees the response
DRAIN_SILENT_SECONDS = 0.5  # that a connection without a request may still send one after the drain has begun
RESERVED_CONNECTIONS = 32  # beyond `max_connections`; they are served health checks only
SMALL_BODY_BYTES = 1 << 14  # bodies up to that size do not count against the budget of bodies
SMALL_RESPONSE_BYTES = 1 << 16  # responses up to that size may wait in memory for every client
BUFFERED_RESPONSES_BYTES = 64 << 20  # of larger responses that wait in memory, per process; then they are streamed
STREAMS_BYTES = 32 << 20  # that all streams together take from their sources at a time
MAX_STREAM_BATCH_BYTES = 1 << 19  # that one of them takes
PRESSED_BODY_RATE = 32_768  # least bytes per second of a body while other bodies wait for the budget
RESERVED_DESCRIPTORS = 256  # of a process, for everything but connections: database connections, libraries, logs
DESCRIPTORS_PER_CONNECTION = 3  # of a download: the socket, its duplicate for sendfile, the file
LEAST_CONNECTIONS = 16  # however few descriptors there are
RETRY_AFTER_SECONDS = 5  # that a 503 announces


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one web process. Times are in seconds, sizes in bytes, rates in bytes per second."""

    first_byte_seconds: float = 10
    head_seconds: float = 15
    idle_seconds: float = 30
    body_window_seconds: float = 10
    body_min_rate: int = 1000
    response_window_seconds: float = 60
    response_min_rate: int = 500
    max_head_bytes: int = 16_384
    max_headers: int = 100
    max_connections: int = 1024
    max_connections_per_address: int = 256
    exempt_networks: Networks = ()  # of proxies, which may have any number of connections
    body_budget_bytes: int = 64 << 20
    body_budget_per_client_bytes: int = 32 << 20  # per address, and per app
    body_wait_seconds: float = 30  # longest time that a body waits for the budget
    slow_step_seconds: float = 0  # CPU time of the event loop's thread from which a step is logged; 0: not measured

    def fit_to_descriptors(self, count: int) -> "HttpLimits":
        """Return limits for a process with this many descriptors: it should reach its connection limit before they run out."""
        fitting = max((count - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION, LEAST_CONNECTIONS)
        return self if fitting >= self.max_connections else replace(self, max_connections=fitting)

    @property
    def tick_seconds(self) -> float:
        """Interval at which deadlines are checked."""
        shortest = min(
            self.first_byte_seconds,
            self.head_seconds,
            self.idle_seconds,
            self.body_window_seconds,
            self.response_window_seconds,
        )
        return min(max(shortest / 8, 0.02), 1.0)

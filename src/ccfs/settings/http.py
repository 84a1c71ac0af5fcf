"""Settings of the HTTP server: time-outs, least rates, connections, memory."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class HttpSettings(SettingsGroup):
    """Settings of the HTTP server. Numbers of connections and budgets apply to each web process."""

    http_first_byte_seconds: float = Field(
        default=10, gt=0, description="Timeout for the first byte on a new connection."
    )
    http_head_seconds: float = Field(
        default=15,
        gt=0,
        description="Timeout for a request's headers after their first byte, and for the TLS handshake.",
    )
    http_idle_seconds: float = Field(default=30, gt=0, description="Idle timeout of a connection between two requests.")
    http_body_stall_seconds: float = Field(
        default=10, gt=0, description="Period over which the rate of a request body is measured."
    )
    http_body_min_rate: int = Field(
        default=1000,
        ge=1,
        description="Minimum rate of a request body in bytes per second; slower clients receive 408.",
    )
    http_response_stall_seconds: float = Field(
        default=60, gt=0, description="Period over which the rate at which a client reads its response is measured."
    )
    http_response_min_rate: int = Field(
        default=500, ge=1, description="Minimum rate at which a client must read its response, in bytes per second."
    )
    http_max_head_kb: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Maximum size of the request line and headers in KB; larger requests receive 431.",
    )
    http_max_headers: int = Field(
        default=100,
        ge=10,
        le=1000,
        description="Maximum number of headers in a request; requests with more receive 431.",
    )
    http_max_connections: int = Field(
        default=1024,
        ge=1,
        description="Maximum number of connections to a web process; beyond it, waiting connections are closed.",
    )
    http_max_connections_per_address: int = Field(
        default=256,
        ge=0,
        description="Maximum number of connections from an address to a web process, except `trusted_proxies`; 0: unlimited.",
    )
    http_body_budget_mb: int = Field(
        default=64,
        ge=1,
        description="Memory per web process for request bodies, in MB; further requests wait, and then receive 503.",
    )
    http_body_budget_per_client_mb: int = Field(
        default=32, ge=1, description="Share of `http_body_budget_mb` that is available to an address or an app, in MB."
    )
    http_body_wait_seconds: float = Field(
        default=30, ge=0, description="How long a request body waits for memory before the client receives 503."
    )
    http_slow_step_ms: int = Field(
        default=0,
        ge=0,
        description="CPU time in ms from which an uninterrupted step of a web process is logged, with its stack; 0: off.",
    )

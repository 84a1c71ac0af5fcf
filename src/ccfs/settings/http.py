"""Settings of the HTTP server: time-outs, least rates, connections, memory."""

from pydantic import BaseModel, ConfigDict, Field


class HttpSettings(BaseModel):
    """Settings of the HTTP server. Numbers of connections and budgets are of each web process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http_first_byte_seconds: float = Field(
        default=10, gt=0, description="Timeout of a new connection until its first byte."
    )
    http_head_seconds: float = Field(
        default=15, gt=0, description="Timeout of a request's head after its first byte, and of the TLS handshake."
    )
    http_idle_seconds: float = Field(default=30, gt=0, description="Idle timeout of a connection between two requests.")
    http_body_stall_seconds: float = Field(
        default=10, gt=0, description="Period over which the rate of a request body is measured."
    )
    http_body_min_rate: int = Field(
        default=1000, ge=1, description="Least rate of a request body in bytes per second; slower clients get 408."
    )
    http_response_stall_seconds: float = Field(
        default=60, gt=0, description="Period over which the rate at which a client reads its response is measured."
    )
    http_response_min_rate: int = Field(
        default=500, ge=1, description="Least rate in bytes per second at which a client must read its response."
    )
    http_max_head_kb: int = Field(
        default=16, ge=1, le=256, description="Maximum size of a request's head in KB; larger ones get 431."
    )
    http_max_headers: int = Field(
        default=100, ge=10, le=1000, description="Maximum number of headers of a request; more get 431."
    )
    http_max_connections: int = Field(
        default=1024, ge=1, description="Maximum number of connections of a web process; then waiting ones make room."
    )
    http_max_connections_per_address: int = Field(
        default=256,
        ge=0,
        description="Maximum number of connections of an address to a web process, except `trusted_proxies`; 0: unlimited.",
    )
    http_body_budget_mb: int = Field(
        default=64,
        ge=1,
        description="Memory of a web process for request bodies, in MB; further ones wait, then get 503.",
    )
    http_body_budget_per_client_mb: int = Field(
        default=32, ge=1, description="The part of `http_body_budget_mb` that an address or an app can use, in MB."
    )
    http_body_wait_seconds: float = Field(
        default=30, ge=0, description="How long a request body waits for memory before the client gets 503."
    )
    http_slow_step_ms: int = Field(
        default=0,
        ge=0,
        description="CPU time in ms from which an uninterrupted step of a web process is logged, with its place; 0: off.",
    )

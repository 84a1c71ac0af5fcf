"""Settings as configuration of what the node talks to: HTTP clients, peers, S3, callback receivers, the OIDC provider."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ccfs.blobs import peer, s3
from ccfs.console.login import oidc_config
from ccfs.http_server.limits import HttpLimits
from ccfs.model.errors import OperatorError
from ccfs.model.exports.delivery import RetrySchedule
from ccfs.settings import Settings


def build_peer_config(settings: Settings, key: bytes, now: Callable[[], datetime]) -> peer.PeerConfig:
    """Return the configuration of requests to other nodes; `key` signs their tokens."""
    ssl_context = ssl.create_default_context()
    if settings.peer_ca_file:
        ssl_context.load_verify_locations(settings.peer_ca_file)
    return peer.PeerConfig(
        key=key,
        now=now,
        connect_seconds=settings.peer_connect_seconds,
        read_seconds=settings.peer_read_seconds,
        cooldown_seconds=settings.peer_cooldown_seconds,
        ssl_context=ssl_context,
    )


def build_s3_config(settings: Settings) -> s3.S3Config:
    """Return the configuration of S3 clients; raise OperatorError if the CA file cannot be read."""
    try:
        ca = Path(settings.s3_ca_file).read_bytes() if settings.s3_ca_file else b""
    except OSError as error:
        raise OperatorError(f"CCFS_S3_CA_FILE: {error}") from None
    return s3.S3Config(
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        ca_pem=ca,
        timeout=timedelta(seconds=settings.s3_timeout_seconds),
        retries=settings.s3_retries,
        cooldown=timedelta(seconds=settings.s3_cooldown_seconds),
    )


def build_retry_schedule(settings: Settings) -> RetrySchedule:
    """Return when and how often a failed callback is retried."""
    return RetrySchedule(
        interval=timedelta(seconds=settings.callback_retry_seconds),
        max_attempts=settings.callback_max_attempts,
        is_exponential=settings.callback_backoff == "exponential",
    )


def build_oidc_config(settings: Settings) -> oidc_config.OidcConfig | None:
    """Return the configuration of the OpenID Connect client; None if no provider is configured."""
    if not (settings.console and settings.oidc_issuer):
        return None
    console_url = settings.console_url.rstrip("/").removesuffix("/console") + "/console"
    return oidc_config.OidcConfig(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        redirect_uri=f"{console_url}/oidc/callback",
        post_logout_redirect_uri=f"{console_url}/login",
        ca_file=settings.oidc_ca_file,
    )


def build_http_limits(settings: Settings) -> HttpLimits:
    """Return the bounds of a web process."""
    return HttpLimits(
        first_byte_seconds=settings.http_first_byte_seconds,
        head_seconds=settings.http_head_seconds,
        idle_seconds=settings.http_idle_seconds,
        body_window_seconds=settings.http_body_stall_seconds,
        body_min_rate=settings.http_body_min_rate,
        response_window_seconds=settings.http_response_stall_seconds,
        response_min_rate=settings.http_response_min_rate,
        max_head_bytes=settings.http_max_head_kb << 10,
        max_headers=settings.http_max_headers,
        max_connections=settings.http_max_connections,
        max_connections_per_address=settings.http_max_connections_per_address,
        exempt_networks=settings.trusted_proxies,
        body_budget_bytes=settings.http_body_budget_mb << 20,
        body_budget_per_client_bytes=settings.http_body_budget_per_client_mb << 20,
        body_wait_seconds=settings.http_body_wait_seconds,
        slow_step_seconds=settings.http_slow_step_ms / 1000,
    )

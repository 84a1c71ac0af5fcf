"""Settings become the terms on which others are dealt with: peers, S3 services, receivers of
callbacks, the provider of single sign-on. Nothing is opened here."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ccfs.blobs import peer, s3
from ccfs.console.login import oidc_config
from ccfs.model.errors import OperatorError
from ccfs.model.exports.delivery import RetrySchedule
from ccfs.settings import Settings


def build_peer_config(settings: Settings, key: bytes, now: Callable[[], datetime]) -> peer.PeerConfig:
    """How other nodes are asked for bytes; `key` is for tickets."""
    trust = ssl.create_default_context()
    if settings.peer_ca_file:
        trust.load_verify_locations(settings.peer_ca_file)
    return peer.PeerConfig(
        key=key,
        now=now,
        connect_seconds=settings.peer_connect_seconds,
        read_seconds=settings.peer_read_seconds,
        cooldown_seconds=settings.peer_cooldown_seconds,
        ssl_context=trust,
    )


def build_s3_config(settings: Settings) -> s3.S3Config:
    """How S3 services are asked; raises Misuse if the CA file cannot be read."""
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
    """When a callback that failed is sent again, and how often."""
    return RetrySchedule(
        interval=timedelta(seconds=settings.callback_retry_seconds),
        max_attempts=settings.callback_max_attempts,
        is_exponential=settings.callback_backoff == "exponential",
    )


def build_oidc_config(settings: Settings) -> oidc_config.OidcConfig | None:
    """What was agreed with the provider of single sign-on; None where there is none."""
    if not (settings.console and settings.oidc_issuer):
        return None
    home = settings.console_url.rstrip("/").removesuffix("/console") + "/console"
    return oidc_config.OidcConfig(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        redirect_uri=f"{home}/oidc/callback",
        post_logout_redirect_uri=f"{home}/login",
        ca_file=settings.oidc_ca_file,
    )

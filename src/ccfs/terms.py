"""Settings become the terms on which others are dealt with: peers, S3 services, receivers of
callbacks, the provider of single sign-on. Nothing is opened here."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ccfs.model.delivery import Schedule
from ccfs.model.errors import Misuse
from ccfs.settings import Settings
from ccfs.store.locations import peer, s3
from ccfs.web.console import agreed


def of_peers(settings: Settings, key: bytes, now: Callable[[], datetime]) -> peer.Terms:
    """How other nodes are asked for bytes; `key` is for tickets."""
    trust = ssl.create_default_context()
    if settings.peer_ca_file:
        trust.load_verify_locations(settings.peer_ca_file)
    return peer.Terms(
        key=key,
        now=now,
        connect_seconds=settings.peer_connect_seconds,
        read_seconds=settings.peer_read_seconds,
        rest_seconds=settings.peer_rest_seconds,
        trust=trust,
    )


def of_s3(settings: Settings) -> s3.Access:
    """How S3 services are asked; raises Misuse if the CA file cannot be read."""
    try:
        ca = Path(settings.s3_ca_file).read_bytes() if settings.s3_ca_file else b""
    except OSError as error:
        raise Misuse(f"CCFS_S3_CA_FILE: {error}") from None
    return s3.Access(
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        ca=ca,
        timeout=timedelta(seconds=settings.s3_timeout_seconds),
        retries=settings.s3_retries,
        rest=timedelta(seconds=settings.s3_rest_seconds),
    )


def of_callbacks(settings: Settings) -> Schedule:
    """When a callback that failed is sent again, and how often."""
    return Schedule(
        every=timedelta(seconds=settings.callback_retry_seconds),
        attempts=settings.callback_max_attempts,
        is_exponential=settings.callback_backoff == "exponential",
    )


def of_provider(settings: Settings) -> agreed.Terms | None:
    """What was agreed with the provider of single sign-on; None where there is none."""
    if not (settings.console and settings.oidc_issuer):
        return None
    home = settings.console_url.rstrip("/").removesuffix("/console") + "/console"
    return agreed.Terms(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        back=f"{home}/oidc/back",
        home=f"{home}/login",
        authorities=settings.oidc_ca_file,
    )

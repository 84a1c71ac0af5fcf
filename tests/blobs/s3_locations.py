"""Helpers: S3 locations, each with its own prefix in one bucket."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import obstore

from ccfs.blobs.s3 import S3Config, S3Location, _create_store
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from tests.servers import S3_KEYS

BUCKET = "calls"
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def make_location_config(url: str, location_id: str = "1", **more: Any) -> LocationConfig:
    """Return the configuration of an empty location of that service."""
    defaults: dict[str, Any] = {"root": BUCKET, "prefix": f"tests/{secrets.token_hex(8)}", "endpoint": url}
    return LocationConfig(id=location_id, kind=LocationKind.S3, created_at=NOW, **defaults | more)


def make_s3_config(seconds: float = 30, retries: int = 2) -> S3Config:
    """Return a configuration with valid keys and long timeouts."""
    ak, sk = S3_KEYS
    return S3Config(access_key=ak, secret_key=sk, timeout=timedelta(seconds=seconds), retries=retries)


def open_s3(url: str, **more: Any) -> S3Location:
    """Open an empty location."""
    return S3Location(make_location_config(url, **more), make_s3_config())


def list_keys(bucket: LocationConfig) -> set[str]:
    """Return the keys of the location, without unfinished uploads."""
    store = _create_store(bucket, make_s3_config())
    return {str(entry["path"]) for batch in obstore.list(store) for entry in batch}

"""S3 locations of tests: each with a prefix of its own in one bucket. No test here, and no server."""

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
    """A location of that service, without bytes."""
    usual: dict[str, Any] = {"root": BUCKET, "prefix": f"tests/{secrets.token_hex(8)}", "endpoint": url}
    return LocationConfig(id=location_id, kind=LocationKind.S3, created_at=NOW, **usual | more)


def make_s3_config(seconds: float = 30, retries: int = 2) -> S3Config:
    """Keys that the service knows, and patience."""
    ak, sk = S3_KEYS
    return S3Config(access_key=ak, secret_key=sk, timeout=timedelta(seconds=seconds), retries=retries)


def open_s3(url: str, **more: Any) -> S3Location:
    """The location, open."""
    return S3Location(make_location_config(url, **more), make_s3_config())


def list_keys(bucket: LocationConfig) -> set[str]:
    """What lies in the location, half-finished uploads apart."""
    store = _create_store(bucket, make_s3_config())
    return {str(found["path"]) for batch in obstore.list(store) for found in batch}

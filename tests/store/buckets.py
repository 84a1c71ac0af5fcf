"""S3 locations of tests: each with a prefix of its own in one bucket. No test here, and no server."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import obstore

from ccfs.model.place import Place, PlaceKind
from ccfs.store.locations.s3 import S3, Access, _store
from tests.servers import S3_KEYS

BUCKET = "calls"
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def place(url: str, location_id: str = "1", **more: Any) -> Place:
    """A location of that service, without bytes."""
    usual: dict[str, Any] = {"at": BUCKET, "prefix": f"tests/{secrets.token_hex(8)}", "endpoint": url}
    return Place(id=location_id, kind=PlaceKind.S3, created_at=NOW, **usual | more)


def access(seconds: float = 30, retries: int = 2) -> Access:
    """Keys that the service knows, and patience."""
    ak, sk = S3_KEYS
    return Access(access_key=ak, secret_key=sk, timeout=timedelta(seconds=seconds), retries=retries)


def s3(url: str, **more: Any) -> S3:
    """The location, open."""
    return S3(place(url, **more), access())


def keys(bucket: Place) -> set[str]:
    """What lies in the location, half-finished uploads apart."""
    store = _store(bucket, access())
    return {str(found["path"]) for batch in obstore.list(store) for found in batch}

"""A location in a bucket of an S3-compatible service: AWS, Huawei OBS, Ceph, SeaweedFS. Rows are not its business.

Few bytes go up as one object, conditionally: nothing is overwritten that was not looked at first. Many go up in parts,
which become an object at one stroke. What comes down is resumed by its ETag where a connection breaks, so that no answer
mixes two objects. Every wait is bounded, and the service's checksums are asked for.
"""

import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, PreconditionError
from obstore.store import S3Store

from ccfs.blobs import s3_multipart
from ccfs.blobs.circuit_breaker import CircuitBreaker
from ccfs.blobs.interface import CHUNK_BYTES, HashingReader, check_key
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound, LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig

PART_BYTES = 8 << 20  # bytes of one part; at most 10,000 of them make an object
_PART_CONCURRENCY = 2  # parts of one object that go up side by side: what bounds memory
_MIN_CHUNK_BYTES = 1 << 16  # bytes worth handing on
_RESPONSE_TIMEOUT = timedelta(days=1)  # of one answer: a slow reader is no failure, a silent service is
_MAX_REASON_LENGTH = 400  # characters of a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """How this node reaches S3 services; the usual AWS environment holds where a key is empty."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    ca_pem: bytes = b""  # PEM certificates to trust beside the system's
    timeout: timedelta = timedelta(seconds=10)  # to connect, and to wait for more of an answer
    retries: int = 3
    cooldown: timedelta = timedelta(0)  # for a service that failed: what is asked meanwhile fails at once


class S3Location:
    """The S3 maker of the location port."""

    def __init__(self, place: LocationConfig, access: S3Config) -> None:
        """Nothing is sent yet: a service that is away, or keys that are wrong, show at the first use."""
        self.location_id = place.id
        self._location_config, self._config = place, access
        self._is_conditional = place.is_conditional
        self._breaker = CircuitBreaker(access.cooldown.total_seconds())
        self._store = _create_store(place, access)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See the port. What breaks off leaves nothing behind, but a killed process leaves parts: see sweep."""
        path, tally = check_key(key), HashingReader()
        coming = iter(tally.iter_chunks(chunks))
        first: list[bytes] = []
        size = 0
        for chunk in coming:
            first.append(chunk)
            size += len(chunk)
            if size > PART_BYTES:
                self._put_multipart(path, chain(first, coming), tally)
                return tally.build_blob_ref(self.location_id, key)
        self._put(path, b"".join(first))
        return tally.build_blob_ref(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        path = check_key(key)
        if end is not None and end <= start:
            self.get_size(key)
            return iter(())
        options: Any = {"range": {"offset": start} if end is None else (start, end)} if start or end else {}
        try:
            with self._guard_request(key):
                found = obstore.get(self._store, path, options=options)
        except _RangeNotSatisfiable:
            return iter(())
        return _rechunk(key, iter(found.stream(min_chunk_size=_MIN_CHUNK_BYTES)))

    def get_size(self, key: str) -> int:
        """See the port."""
        with self._guard_request(check_key(key)):
            return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        """See the port."""
        with self._guard_request(check_key(key)):
            obstore.delete(self._store, key)

    def get_path(self, key: str) -> None:
        """See the port: there is no file."""
        check_key(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See the port: uploads that were not finished within a day. Without keys of its own, as by a role, it sweeps nothing;
        the bucket's lifecycle rule does (docs/storage.md)."""
        door = _bucket_access(self._location_config, self._config)
        if self._location_config.is_read_only or not door.access_key:
            return 0
        return s3_multipart.abort_uploads(door, self._location_config, timedelta(seconds=older_than_seconds))

    def presign(self, key: str, seconds: int) -> str:
        """A URL that lets anybody read the bytes for a while, from the service itself; whether they are there shows then."""
        with _translate_errors(check_key(key)):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))

    @contextmanager
    def _guard_request(self, key: str) -> Iterator[None]:
        """One question to the service, unless it just gave no answer: then Unreachable at once, and no thread waits."""
        if not self._breaker.allows_request():
            raise LocationUnreachable(f"{key}: the service of location {self.location_id} did not answer a moment ago")
        try:
            with _translate_errors(key):
                yield
        except _NoResponse:
            self._breaker.record_failure()
            raise
        except Exception:
            self._breaker.record_success()
            raise
        self._breaker.record_success()

    def _put(self, path: str, data: bytes) -> None:
        try:
            with self._guard_request(path):
                obstore.put(self._store, path, data, mode=self._put_mode(), use_multipart=False)
        except _KeyExists:
            self._replace(path, data)
        except BlobNotFound:
            raise LocationUnreachable(f"{path} cannot be put: the bucket is not there") from None

    def _put_mode(self) -> Any:
        return "create" if self._is_conditional else "overwrite"

    def _replace(self, path: str, data: bytes) -> None:
        """Another try's object, or our own whose answer was lost, is let be if it is the same; else exactly it goes."""
        try:
            with self._guard_request(path):
                found = obstore.get(self._store, path)
                if found.meta["size"] == len(data) and found.bytes().to_bytes() == data:
                    return
                mode: Any = {"e_tag": found.meta["e_tag"]}
                obstore.put(self._store, path, data, mode=mode, use_multipart=False)
        except (BlobNotFound, _KeyExists):
            raise LocationUnreachable(f"{path} changed while it was replaced") from None

    def _put_multipart(self, path: str, chunks: Iterator[bytes], tally: HashingReader) -> None:
        source = _UploadSource(chunks)
        try:
            with _translate_errors(path):
                obstore.put(self._store, path, source, chunk_size=PART_BYTES, max_concurrency=_PART_CONCURRENCY)
        except Exception as error:  # noqa: BLE001  of whatever kind: it is the source's or the service's
            if source.error is not None:
                raise source.error from None
            raise LocationUnreachable(f"{path} cannot be put: {error}") from None
        if self.get_size(path) != tally.size:
            raise LocationUnreachable(f"{path} is not as long as what was sent")


class _UploadSource:
    """Chunks, and what went wrong in them: it must not look like the service's fault."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except BaseException as error:
            self.error = error
            raise


class _NoResponse(LocationUnreachable):
    """After all tries there was no answer, or none but 5xx."""


class _RangeNotSatisfiable(Exception):
    """The range begins behind the last byte."""


class _KeyExists(Exception):
    """There are bytes already, or others than those that were looked at."""


@contextmanager
def _translate_errors(key: str) -> Iterator[None]:
    """The library's errors as the port's."""
    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise _KeyExists from None
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise LocationUnreachable(_error_text(error)) from None
        raise BlobNotFound(key) from None
    except BaseError as error:
        if "416" in str(error) and "InvalidRange" in str(error):
            raise _RangeNotSatisfiable from None
        raise (_NoResponse if isinstance(error, GenericError) else LocationUnreachable)(_error_text(error)) from None


def _error_text(error: Exception) -> str:
    """What went wrong, on one line: the library's sentence, and the code in the service's XML."""
    sentence, _, rest = str(error).partition("Debug source:")[0].partition("<?xml")
    code = re.search(r"<Code>(\w+)</Code>", rest)
    return " ".join([*sentence.split(), *(code.groups() if code else ())])[:_MAX_REASON_LENGTH]


def _rechunk(key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes, CHUNK of them at a time."""
    held = bytearray()
    while True:
        with _translate_errors(key):
            piece = next(pieces, b"")
        if not piece:
            break
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def _create_store(place: LocationConfig, access: S3Config) -> S3Store:
    config: dict[str, Any] = {"checksum_algorithm": "SHA256", "disable_bulk_delete": True}
    config["virtual_hosted_style_request"] = place.is_virtual_hosted
    if place.endpoint:
        config["endpoint"] = _endpoint_url(place)
    if place.region:
        config["region"] = place.region
    if access.access_key:
        config |= {"access_key_id": access.access_key, "secret_access_key": access.secret_key}
    client: dict[str, Any] = {
        "allow_http": place.endpoint.startswith("http:"),  # the operator wrote it so
        "timeout": _RESPONSE_TIMEOUT,
        "read_timeout": access.timeout,
        "connect_timeout": access.timeout,
    }
    if access.ca_pem:
        client["root_certificate"] = access.ca_pem
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    retry: Any = {"max_retries": access.retries, "retry_timeout": 2 * access.timeout, "backoff": backoff}
    options: Any = {"config": config, "client_options": client, "retry_config": retry}
    return S3Store(place.root, prefix=place.prefix or None, **options)


def _bucket_access(place: LocationConfig, access: S3Config) -> s3_multipart.BucketAccess:
    """The bucket, for what obstore cannot ask."""
    region = place.region or "us-east-1"
    endpoint = _endpoint_url(place) if place.endpoint else f"https://s3.{region}.amazonaws.com"
    is_named = place.endpoint and place.is_virtual_hosted
    trust = ssl.create_default_context()
    if access.ca_pem:
        trust.load_verify_locations(cadata=access.ca_pem.decode("ascii", "ignore"))
    access_key, secret_key, token = s3_multipart.resolve_credentials(access.access_key, access.secret_key)
    return s3_multipart.BucketAccess(
        url=endpoint if is_named else f"{endpoint}/{place.root}",
        region=region,
        access_key=access_key,
        secret_key=secret_key,
        session_token=token,
        timeout=access.timeout,
        ssl_context=trust,
    )


def _endpoint_url(place: LocationConfig) -> str:
    """The service's URL; with the bucket before its host where the place says so."""
    parts = urlsplit(place.endpoint.rstrip("/"))
    if place.is_virtual_hosted and not parts.netloc.startswith(f"{place.root}."):
        return parts._replace(netloc=f"{place.root}.{parts.netloc}").geturl()
    return parts.geturl()

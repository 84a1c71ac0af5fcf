"""A location in a bucket of an S3-compatible service: AWS, Huawei OBS, Ceph, SeaweedFS.

A small file is stored with a single conditional PUT: an existing object is overwritten only if it has been compared
first. A large file is stored with a multipart upload, which becomes an object atomically. An interrupted download
resumes by ETag, so that no response mixes two objects. Every wait has a timeout, and the service verifies checksums.
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
_PART_CONCURRENCY = 2  # parts of one object uploaded in parallel; bounds memory
_MIN_CHUNK_BYTES = 1 << 16  # bytes of the smallest piece that is passed on
_RESPONSE_TIMEOUT = timedelta(days=1)  # of one response: a slow reader is no failure, a silent service is
_MAX_REASON_LENGTH = 400  # characters of a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """Configuration for S3 services. Empty keys are taken from the standard AWS environment."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    ca_pem: bytes = b""  # PEM certificates to trust beside the system's
    timeout: timedelta = timedelta(seconds=10)  # to connect, and between two reads of a response
    retries: int = 3
    cooldown: timedelta = timedelta(0)  # after a failure, during which requests fail immediately


class S3Location:
    """A bucket, or a prefix within one, as an implementation of Location."""

    def __init__(self, location_config: LocationConfig, config: S3Config) -> None:
        """Send nothing yet: an unreachable service or wrong keys cause errors at the first use."""
        self.location_id = location_config.id
        self._location_config, self._config = location_config, config
        self._is_conditional = location_config.is_conditional
        self._breaker = CircuitBreaker(config.cooldown.total_seconds())
        self._store = _create_store(location_config, config)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See Location. A failed upload leaves nothing; a killed process leaves parts for `delete_partial_uploads`."""
        path, reader = check_key(key), HashingReader()
        hashed_chunks = iter(reader.iter_chunks(chunks))
        first: list[bytes] = []
        size = 0
        for chunk in hashed_chunks:
            first.append(chunk)
            size += len(chunk)
            if size > PART_BYTES:
                self._put_multipart(path, chain(first, hashed_chunks), reader)
                return reader.build_blob_ref(self.location_id, key)
        self._put(path, b"".join(first))
        return reader.build_blob_ref(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Location."""
        path = check_key(key)
        if end is not None and end <= start:
            self.get_size(key)
            return iter(())
        options: Any = {"range": {"offset": start} if end is None else (start, end)} if start or end else {}
        try:
            with self._guard_request(key):
                download = obstore.get(self._store, path, options=options)
        except _RangeNotSatisfiable:
            return iter(())
        return _rechunk(key, iter(download.stream(min_chunk_size=_MIN_CHUNK_BYTES)))

    def get_size(self, key: str) -> int:
        """See Location."""
        with self._guard_request(check_key(key)):
            return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        """See Location."""
        with self._guard_request(check_key(key)):
            obstore.delete(self._store, key)

    def get_path(self, key: str) -> None:
        """Return None, because there is no file."""
        check_key(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See Location. In S3, partial uploads are multipart uploads that are more than a day old.

        Without keys, for example with a role, this deletes nothing; use a lifecycle rule of the bucket instead
        (docs/storage.md).
        """
        bucket = _get_bucket_access(self._location_config, self._config)
        if self._location_config.is_read_only or not bucket.access_key:
            return 0
        return s3_multipart.abort_uploads(bucket, self._location_config, timedelta(seconds=older_than_seconds))

    def presign(self, key: str, seconds: int) -> str:
        """Return a URL with which anyone can read the object for a limited time.

        This does not check whether the object exists.
        """
        with _translate_errors(check_key(key)):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))

    @contextmanager
    def _guard_request(self, key: str) -> Iterator[None]:
        """Guard a request with the circuit breaker. Raises LocationUnreachable immediately during the cooldown."""
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
        """Replace exactly the object that was compared.

        An equal object is kept: it was stored by an earlier attempt, or by this one if its response was lost.
        """
        try:
            with self._guard_request(path):
                existing = obstore.get(self._store, path)
                if existing.meta["size"] == len(data) and existing.bytes().to_bytes() == data:
                    return
                mode: Any = {"e_tag": existing.meta["e_tag"]}
                obstore.put(self._store, path, data, mode=mode, use_multipart=False)
        except (BlobNotFound, _KeyExists):
            raise LocationUnreachable(f"{path} changed while it was replaced") from None

    def _put_multipart(self, path: str, chunks: Iterator[bytes], reader: HashingReader) -> None:
        source = _UploadSource(chunks)
        try:
            with _translate_errors(path):
                obstore.put(self._store, path, source, chunk_size=PART_BYTES, max_concurrency=_PART_CONCURRENCY)
        except Exception as error:  # noqa: BLE001  of any kind: from the source or from the service
            if source.error is not None:
                raise source.error from None
            raise LocationUnreachable(f"{path} cannot be put: {error}") from None
        if self.get_size(path) != reader.size:
            raise LocationUnreachable(f"{path} is not as long as what was sent")


class _UploadSource:
    """Chunks to upload, and any error raised while reading them, which must not be reported as an error of the service."""

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
    """After all retries, the service gave no response or a 5xx."""


class _RangeNotSatisfiable(Exception):
    """The range begins after the last byte."""


class _KeyExists(Exception):
    """The key exists, or its object is not the one that was compared."""


@contextmanager
def _translate_errors(key: str) -> Iterator[None]:
    """Convert the library's errors to those of Location."""
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
    """Return the error on a single line: the library's message, and the code from the service's XML."""
    sentence, _, rest = str(error).partition("Debug source:")[0].partition("<?xml")
    code = re.search(r"<Code>(\w+)</Code>", rest)
    return " ".join([*sentence.split(), *(code.groups() if code else ())])[:_MAX_REASON_LENGTH]


def _rechunk(key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes in chunks of CHUNK_BYTES."""
    buffer = bytearray()
    while True:
        with _translate_errors(key):
            piece = next(pieces, b"")
        if not piece:
            break
        buffer += piece
        while len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
    if buffer:
        yield bytes(buffer)


def _create_store(location: LocationConfig, config: S3Config) -> S3Store:
    options: dict[str, Any] = {"checksum_algorithm": "SHA256", "disable_bulk_delete": True}
    options["virtual_hosted_style_request"] = location.is_virtual_hosted
    if location.endpoint:
        options["endpoint"] = _endpoint_url(location)
    if location.region:
        options["region"] = location.region
    if config.access_key:
        options |= {"access_key_id": config.access_key, "secret_access_key": config.secret_key}
    client: dict[str, Any] = {
        "allow_http": location.endpoint.startswith("http:"),  # as the operator configured
        "timeout": _RESPONSE_TIMEOUT,
        "read_timeout": config.timeout,
        "connect_timeout": config.timeout,
    }
    if config.ca_pem:
        client["root_certificate"] = config.ca_pem
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    retry: Any = {"max_retries": config.retries, "retry_timeout": 2 * config.timeout, "backoff": backoff}
    groups: Any = {"config": options, "client_options": client, "retry_config": retry}
    return S3Store(location.root, prefix=location.prefix or None, **groups)


def _get_bucket_access(location: LocationConfig, config: S3Config) -> s3_multipart.BucketAccess:
    """Return the access to the bucket for requests that obstore does not support."""
    region = location.region or "us-east-1"
    endpoint = _endpoint_url(location) if location.endpoint else f"https://s3.{region}.amazonaws.com"
    is_named = location.endpoint and location.is_virtual_hosted
    trust = ssl.create_default_context()
    if config.ca_pem:
        trust.load_verify_locations(cadata=config.ca_pem.decode("ascii", "ignore"))
    access_key, secret_key, token = s3_multipart.resolve_credentials(config.access_key, config.secret_key)
    return s3_multipart.BucketAccess(
        url=endpoint if is_named else f"{endpoint}/{location.root}",
        region=region,
        access_key=access_key,
        secret_key=secret_key,
        session_token=token,
        timeout=config.timeout,
        ssl_context=trust,
    )


def _endpoint_url(location: LocationConfig) -> str:
    """Return the service's URL; with virtual hosting, its host begins with the bucket."""
    parts = urlsplit(location.endpoint.rstrip("/"))
    if location.is_virtual_hosted and not parts.netloc.startswith(f"{location.root}."):
        return parts._replace(netloc=f"{location.root}.{parts.netloc}").geturl()
    return parts.geturl()

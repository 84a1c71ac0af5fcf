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

from ccfs.model.place import Place
from ccfs.model.recording import Kept
from ccfs.store.locations import unfinished
from ccfs.store.locations.breaker import Breaker
from ccfs.store.locations.port import CHUNK, Gone, Tally, Unreachable, checked

PART = 8 << 20  # bytes of one part; at most 10,000 of them make an object
_AT_ONCE = 2  # parts of one object that go up side by side: what bounds memory
_PIECE = 1 << 16  # bytes worth handing on
_LONGEST = timedelta(days=1)  # of one answer: a slow reader is no failure, a silent service is
_TOLD = 400  # characters of a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How this node reaches S3 services; the usual AWS environment holds where a key is empty."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    ca: bytes = b""  # PEM certificates to trust beside the system's
    timeout: timedelta = timedelta(seconds=10)  # to connect, and to wait for more of an answer
    retries: int = 3
    rest: timedelta = timedelta(0)  # for a service that failed: what is asked meanwhile fails at once


class S3:
    """The S3 maker of the location port."""

    def __init__(self, place: Place, access: Access) -> None:
        """Nothing is sent yet: a service that is away, or keys that are wrong, show at the first use."""
        self.location_id = place.id
        self._place, self._access = place, access
        self._is_conditional = place.is_conditional
        self._breaker = Breaker(access.rest.total_seconds())
        self._store = _store(place, access)

    def keep(self, key: str, chunks: Iterable[bytes]) -> Kept:
        """See the port. What breaks off leaves nothing behind, but a killed process leaves parts: see sweep."""
        path, tally = checked(key), Tally()
        coming = iter(tally.through(chunks))
        first: list[bytes] = []
        size = 0
        for chunk in coming:
            first.append(chunk)
            size += len(chunk)
            if size > PART:
                self._put_parts(path, chain(first, coming), tally)
                return tally.kept(self.location_id, key)
        self._put(path, b"".join(first))
        return tally.kept(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        path = checked(key)
        if end is not None and end <= start:
            self.size(key)
            return iter(())
        options: Any = {"range": {"offset": start} if end is None else (start, end)} if start or end else {}
        try:
            with self._asked(key):
                found = obstore.get(self._store, path, options=options)
        except _BeyondEnd:
            return iter(())
        return _in_chunks(key, iter(found.stream(min_chunk_size=_PIECE)))

    def size(self, key: str) -> int:
        """See the port."""
        with self._asked(checked(key)):
            return int(obstore.head(self._store, key)["size"])

    def remove(self, key: str) -> None:
        """See the port."""
        with self._asked(checked(key)):
            obstore.delete(self._store, key)

    def path(self, key: str) -> None:
        """See the port: there is no file."""
        checked(key)

    def sweep(self, older_than_seconds: float) -> int:
        """See the port: uploads that were not finished within a day. Without keys of its own, as by a role, it sweeps nothing;
        the bucket's lifecycle rule does (docs/storage.md)."""
        door = _door(self._place, self._access)
        if self._place.is_read_only or not door.access_key:
            return 0
        return unfinished.abort(door, self._place, timedelta(seconds=older_than_seconds))

    def presigned(self, key: str, seconds: int) -> str:
        """A URL that lets anybody read the bytes for a while, from the service itself; whether they are there shows then."""
        with _plain(checked(key)):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))

    @contextmanager
    def _asked(self, key: str) -> Iterator[None]:
        """One question to the service, unless it just gave no answer: then Unreachable at once, and no thread waits."""
        if not self._breaker.admits():
            raise Unreachable(f"{key}: the service of location {self.location_id} did not answer a moment ago")
        try:
            with _plain(key):
                yield
        except _Silent:
            self._breaker.failed()
            raise
        except Exception:
            self._breaker.worked()
            raise
        self._breaker.worked()

    def _put(self, path: str, data: bytes) -> None:
        try:
            with self._asked(path):
                obstore.put(self._store, path, data, mode=self._mode(), use_multipart=False)
        except _Taken:
            self._replace(path, data)
        except Gone:
            raise Unreachable(f"{path} cannot be put: the bucket is not there") from None

    def _mode(self) -> Any:
        return "create" if self._is_conditional else "overwrite"

    def _replace(self, path: str, data: bytes) -> None:
        """Another try's object, or our own whose answer was lost, is let be if it is the same; else exactly it goes."""
        try:
            with self._asked(path):
                found = obstore.get(self._store, path)
                if found.meta["size"] == len(data) and found.bytes().to_bytes() == data:
                    return
                mode: Any = {"e_tag": found.meta["e_tag"]}
                obstore.put(self._store, path, data, mode=mode, use_multipart=False)
        except (Gone, _Taken):
            raise Unreachable(f"{path} changed while it was replaced") from None

    def _put_parts(self, path: str, chunks: Iterator[bytes], tally: Tally) -> None:
        source = _Source(chunks)
        try:
            with _plain(path):
                obstore.put(self._store, path, source, chunk_size=PART, max_concurrency=_AT_ONCE)
        except Exception as error:  # noqa: BLE001  of whatever kind: it is the source's or the service's
            if source.error is not None:
                raise source.error from None
            raise Unreachable(f"{path} cannot be put: {error}") from None
        if self.size(path) != tally.size:
            raise Unreachable(f"{path} is not as long as what was sent")


class _Source:
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


class _Silent(Unreachable):
    """After all tries there was no answer, or none but 5xx."""


class _BeyondEnd(Exception):
    """The range begins behind the last byte."""


class _Taken(Exception):
    """There are bytes already, or others than those that were looked at."""


@contextmanager
def _plain(key: str) -> Iterator[None]:
    """The library's errors as the port's."""
    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise _Taken from None
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise Unreachable(_told(error)) from None
        raise Gone(key) from None
    except BaseError as error:
        if "416" in str(error) and "InvalidRange" in str(error):
            raise _BeyondEnd from None
        raise (_Silent if isinstance(error, GenericError) else Unreachable)(_told(error)) from None


def _told(error: Exception) -> str:
    """What went wrong, on one line: the library's sentence, and the code in the service's XML."""
    sentence, _, rest = str(error).partition("Debug source:")[0].partition("<?xml")
    code = re.search(r"<Code>(\w+)</Code>", rest)
    return " ".join([*sentence.split(), *(code.groups() if code else ())])[:_TOLD]


def _in_chunks(key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes, CHUNK of them at a time."""
    held = bytearray()
    while True:
        with _plain(key):
            piece = next(pieces, b"")
        if not piece:
            break
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def _store(place: Place, access: Access) -> S3Store:
    config: dict[str, Any] = {"checksum_algorithm": "SHA256", "disable_bulk_delete": True}
    config["virtual_hosted_style_request"] = place.is_virtual_hosted
    if place.endpoint:
        config["endpoint"] = _endpoint(place)
    if place.region:
        config["region"] = place.region
    if access.access_key:
        config |= {"access_key_id": access.access_key, "secret_access_key": access.secret_key}
    client: dict[str, Any] = {
        "allow_http": place.endpoint.startswith("http:"),  # the operator wrote it so
        "timeout": _LONGEST,
        "read_timeout": access.timeout,
        "connect_timeout": access.timeout,
    }
    if access.ca:
        client["root_certificate"] = access.ca
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    retry: Any = {"max_retries": access.retries, "retry_timeout": 2 * access.timeout, "backoff": backoff}
    options: Any = {"config": config, "client_options": client, "retry_config": retry}
    return S3Store(place.at, prefix=place.prefix or None, **options)


def _door(place: Place, access: Access) -> unfinished.Door:
    """The bucket, for what obstore cannot ask."""
    region = place.region or "us-east-1"
    endpoint = _endpoint(place) if place.endpoint else f"https://s3.{region}.amazonaws.com"
    is_named = place.endpoint and place.is_virtual_hosted
    trust = ssl.create_default_context()
    if access.ca:
        trust.load_verify_locations(cadata=access.ca.decode("ascii", "ignore"))
    access_key, secret_key, token = unfinished.keys(access.access_key, access.secret_key)
    return unfinished.Door(
        url=endpoint if is_named else f"{endpoint}/{place.at}",
        region=region,
        access_key=access_key,
        secret_key=secret_key,
        token=token,
        timeout=access.timeout,
        trust=trust,
    )


def _endpoint(place: Place) -> str:
    """The service's URL; with the bucket before its host where the place says so."""
    parts = urlsplit(place.endpoint.rstrip("/"))
    if place.is_virtual_hosted and not parts.netloc.startswith(f"{place.at}."):
        return parts._replace(netloc=f"{place.at}.{parts.netloc}").geturl()
    return parts.geturl()

"""Uploads in parts that a killed process left in a bucket: nobody sees them, and the service charges for them. They are
listed and aborted here, by two requests that obstore has no words for: so they are signed here, too (AWS, Signature V4).
"""

import hashlib
import hmac
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.error import URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen
from xml.etree import ElementTree

from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig

MIN_AGE = timedelta(days=1)  # one that is younger may be under way
_PAGE_SIZE = 1000  # uploads of one answer
_MAX_PAGES = 100  # of a listing; what is beyond waits for the next sweep
_MAX_PAGE_BYTES = 8 << 20  # bytes of a page
_OWN_KEY_PATTERN = re.compile(
    r"\d+/[a-z]+/[0-9a-z_-]+/[0-9a-z/_.-]+"
)  # {app}/{kind}/{day}/…: a bucket without a prefix has others
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """A bucket, and what opens it."""

    url: str  # of the bucket, without a "/" at its end
    region: str
    access_key: str
    secret_key: str
    session_token: str  # of temporary keys; else empty
    timeout: timedelta
    ssl_context: ssl.SSLContext


def resolve_credentials(access_key: str, secret_key: str) -> tuple[str, str, str]:
    """The keys, or those of the usual AWS environment, with its token; empty where only a role has some."""
    if access_key:
        return access_key, secret_key, ""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    found = [os.environ.get(name, "") for name in names]
    return found[0], found[1], found[2]


def abort_uploads(door: BucketAccess, place: LocationConfig, older_than: timedelta) -> int:
    """Abort this location's uploads that began longer ago, by the service's clock; how many. Raises Unreachable."""
    prefix = f"{place.prefix}/" if place.prefix else ""
    count = 0
    for key, upload, age in _iter_uploads(door, prefix):
        if age > max(older_than, MIN_AGE) and _OWN_KEY_PATTERN.fullmatch(key.removeprefix(prefix)):
            _send_request(door, "DELETE", key, {"uploadId": upload})
            count += 1
    return count


def _iter_uploads(door: BucketAccess, prefix: str) -> Iterator[tuple[str, str, timedelta]]:
    """Key, upload id and age of each unfinished upload."""
    query = {"uploads": "", "prefix": prefix, "max-uploads": str(_PAGE_SIZE)}
    for _ in range(_MAX_PAGES):
        now, text = _send_request(door, "GET", "", query)
        try:
            page = ElementTree.fromstring(text)
            for one in page.iterfind("{*}Upload"):
                begun = datetime.fromisoformat(one.findtext("{*}Initiated", ""))
                yield one.findtext("{*}Key", ""), one.findtext("{*}UploadId", ""), now - begun
        except (ElementTree.ParseError, ValueError) as error:
            raise LocationUnreachable(f"the list of unfinished uploads cannot be read: {error}") from None
        if page.findtext("{*}IsTruncated") != "true":
            return
        names = {"key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"}
        query |= {name: page.findtext(f"{{*}}{tag}", "") for name, tag in names.items()}


def _send_request(door: BucketAccess, method: str, key: str, query: dict[str, str]) -> tuple[datetime, bytes]:
    """The service's time and its answer; raises Unreachable where it is none, or a refusal."""
    url = f"{door.url}/{quote(key, safe='/-_.~')}"
    if not key and urlsplit(door.url).path:
        url = door.url  # a bucket in the path is asked without a "/" behind it
    headers = build_signed_headers(door, method, url, query, datetime.now(UTC))
    asked = Request(f"{url}?{_encode_query(query)}", method=method, headers=headers)
    try:
        with urlopen(asked, timeout=door.timeout.total_seconds(), context=door.ssl_context) as answer:
            return parsedate_to_datetime(answer.headers["date"]), answer.read(_MAX_PAGE_BYTES)
    except (OSError, ValueError, TypeError) as error:  # HTTP's refusals are OSErrors, too
        reason = error.reason if isinstance(error, URLError) else error
        raise LocationUnreachable(f"unfinished uploads cannot be looked at: {reason}") from None


def build_signed_headers(
    door: BucketAccess, method: str, url: str, query: dict[str, str], now: datetime
) -> dict[str, str]:
    """The headers of a request without a body."""
    parts, moment = urlsplit(url), f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": parts.netloc, "x-amz-content-sha256": _EMPTY_SHA256, "x-amz-date": moment}
    if door.session_token:
        headers["x-amz-security-token"] = door.session_token
    names, lines = ";".join(sorted(headers)), [f"{name}:{headers[name]}\n" for name in sorted(headers)]
    canonical = "\n".join([method, parts.path or "/", _encode_query(query), "".join(lines), names, _EMPTY_SHA256])
    scope = f"{moment[:8]}/{door.region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{door.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={door.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _encode_query(query: dict[str, str]) -> str:
    """The query in the order in which it is signed."""
    return urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")

"""Lists and aborts multipart uploads that a killed process left in a bucket, where they are invisible but cost money.

obstore supports neither request, so this module signs them itself (AWS Signature Version 4).
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

MIN_AGE = timedelta(days=1)  # a younger upload may be in progress
_PAGE_SIZE = 1000  # uploads in one response
_MAX_PAGES = 100  # of a listing; the next run finds further uploads
_MAX_PAGE_BYTES = 8 << 20  # bytes of a page
# {app}/{kind}/{day}/…: a bucket without a prefix may have keys of others
_OWN_KEY_PATTERN = re.compile(r"\d+/[a-z]+/[0-9a-z_-]+/[0-9a-z/_.-]+")
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """A bucket and the credentials for it."""

    url: str  # of the bucket, without a "/" at its end
    region: str
    access_key: str
    secret_key: str
    session_token: str  # of temporary keys, else empty
    timeout: timedelta
    ssl_context: ssl.SSLContext


def resolve_credentials(access_key: str, secret_key: str) -> tuple[str, str, str]:
    """Return the keys, or those of the standard AWS environment with its token; empty if only a role provides them."""
    if access_key:
        return access_key, secret_key, ""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    access_key, secret_key, session_token = (os.environ.get(name, "") for name in names)
    return access_key, secret_key, session_token


def abort_uploads(bucket: BucketAccess, location: LocationConfig, older_than: timedelta) -> int:
    """Abort the location's uploads that are older than this by the service's clock, and return their number.

    Raises LocationUnreachable.
    """
    prefix = f"{location.prefix}/" if location.prefix else ""
    count = 0
    for key, upload, age in _iter_uploads(bucket, prefix):
        if age > max(older_than, MIN_AGE) and _OWN_KEY_PATTERN.fullmatch(key.removeprefix(prefix)):
            _send_request(bucket, "DELETE", key, {"uploadId": upload})
            count += 1
    return count


def _iter_uploads(bucket: BucketAccess, prefix: str) -> Iterator[tuple[str, str, timedelta]]:
    """Yield key, upload id and age of each unfinished upload."""
    query = {"uploads": "", "prefix": prefix, "max-uploads": str(_PAGE_SIZE)}
    for _ in range(_MAX_PAGES):
        now, text = _send_request(bucket, "GET", "", query)
        try:
            page = ElementTree.fromstring(text)
            for upload in page.iterfind("{*}Upload"):
                started_at = datetime.fromisoformat(upload.findtext("{*}Initiated", ""))
                yield upload.findtext("{*}Key", ""), upload.findtext("{*}UploadId", ""), now - started_at
        except (ElementTree.ParseError, ValueError) as error:
            raise LocationUnreachable(f"the list of unfinished uploads cannot be read: {error}") from None
        if page.findtext("{*}IsTruncated") != "true":
            return
        names = {"key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"}
        query |= {name: page.findtext(f"{{*}}{tag}", "") for name, tag in names.items()}


def _send_request(bucket: BucketAccess, method: str, key: str, query: dict[str, str]) -> tuple[datetime, bytes]:
    """Return the service's time and its response. Raises LocationUnreachable if there is no response or an error
    status.
    """
    url = f"{bucket.url}/{quote(key, safe='/-_.~')}"
    if not key and urlsplit(bucket.url).path:
        url = bucket.url  # a bucket in the path has no "/" after it
    headers = build_signed_headers(bucket, method, url, query, datetime.now(UTC))
    request = Request(f"{url}?{_encode_query(query)}", method=method, headers=headers)
    try:
        with urlopen(request, timeout=bucket.timeout.total_seconds(), context=bucket.ssl_context) as response:
            return parsedate_to_datetime(response.headers["date"]), response.read(_MAX_PAGE_BYTES)
    except (OSError, ValueError, TypeError) as error:  # HTTPError is an OSError, too
        reason = error.reason if isinstance(error, URLError) else error
        raise LocationUnreachable(f"unfinished uploads cannot be listed or aborted: {reason}") from None


def build_signed_headers(
    bucket: BucketAccess, method: str, url: str, query: dict[str, str], now: datetime
) -> dict[str, str]:
    """Return the signed headers of a request without a body."""
    parts, timestamp = urlsplit(url), f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": parts.netloc, "x-amz-content-sha256": _EMPTY_SHA256, "x-amz-date": timestamp}
    if bucket.session_token:
        headers["x-amz-security-token"] = bucket.session_token
    names, lines = ";".join(sorted(headers)), [f"{name}:{headers[name]}\n" for name in sorted(headers)]
    canonical = "\n".join([method, parts.path or "/", _encode_query(query), "".join(lines), names, _EMPTY_SHA256])
    scope = f"{timestamp[:8]}/{bucket.region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{bucket.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={bucket.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _encode_query(query: dict[str, str]) -> str:
    """Return the query with its parameters in the order in which they are signed."""
    return urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")

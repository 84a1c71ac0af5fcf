"""auth-v2, the signature of every CC-FS request and callback: parsing, verifying and signing.

Source: ccfs-spec 1.1 and 1.2. `verify_request` lists the variants that it accepts.
"""

import hmac
import re
from codecs import charmap_decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

SCHEME = "auth-v2"
DEFAULT_SIGNED_HEADERS = ("content-length", "content-type", "host")  # signed in every sample of the manual
MAX_AUTHORIZATION_LENGTH = 8192  # characters of an Authorization value
MAX_SIGNED_HEADERS = 100  # no genuine request has more

_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_UNKNOWN_KEY_SECRET = "takes the place of a secret that an AK does not have"  # what it signs is never accepted
_IMPOSSIBLE_SIGNATURE = "-" * 64  # never matches; as long as a signature, so that comparing takes the same time


class MalformedAuthorization(ValueError):
    """The Authorization header cannot be parsed. The text is the reason and quotes nothing of the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The parts of an Authorization header as received, without the blanks around them."""

    ak: str  # access key of the signer
    timestamp: str  # see `parse_timestamp`
    signed_headers: tuple[str, ...]  # names in the order and spelling received
    signature: str  # 64 lower-case hex digits

    @property
    def prefix(self) -> str:
        """The four parts before the signature, as they are signed."""
        return "/".join((SCHEME, self.ak, self.timestamp, ";".join(self.signed_headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """The parts of an HTTP request that a signature covers. Text is as transmitted, decoded as Latin-1."""

    method: str
    path: str  # without the query, percent-encoded as sent
    query: str = ""  # after the "?", still encoded
    headers: Mapping[str, str]  # lower-case name -> value as received
    body: bytes = b""


def parse_authorization(header: str) -> Authorization:
    """Parse an Authorization value, `auth-v2/{AK}/{timestamp}/{signedHeaders}/{signature}`.

    Blanks around the parts are dropped: some samples of the manual have them. Raise MalformedAuthorization.
    """
    if len(header) > MAX_AUTHORIZATION_LENGTH or not header.isascii():
        raise MalformedAuthorization(f"more than {MAX_AUTHORIZATION_LENGTH} characters, or not ASCII")
    parts = [part.strip(" \t") for part in header.split("/")]
    if parts[0] != SCHEME or len(parts) != 5:
        raise MalformedAuthorization(f"not the five parts of {SCHEME}")
    _, ak, timestamp, names, signature = parts
    if not ak or not ak.isprintable():
        raise MalformedAuthorization("no access key")
    parse_timestamp(timestamp)
    if not _SIGNATURE.fullmatch(signature):
        raise MalformedAuthorization("the signature is not 64 lower-case hex digits")
    return Authorization(ak=ak, timestamp=timestamp, signed_headers=_parse_header_names(names), signature=signature)


@lru_cache(256)  # clients sign the same headers in every request
def _parse_header_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    known = {name.lower() for name in names}
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise MalformedAuthorization("the signed headers are not header names joined by ';'")
    if len(known) < len(names) or len(names) > MAX_SIGNED_HEADERS:
        raise MalformedAuthorization(f"a signed header is repeated, or there are more than {MAX_SIGNED_HEADERS}")
    if "host" not in known or "authorization" in known:
        raise MalformedAuthorization("host must be signed, and authorization must not")
    return names


def parse_timestamp(timestamp: str) -> datetime:
    """Return the instant of `yyyy-MM-dd'T'HH:mm:ss'Z'`, with or without a fraction of 1 to 6 digits; aware, UTC.

    Raise MalformedAuthorization.
    """
    if not _TIMESTAMP.fullmatch(timestamp):
        raise MalformedAuthorization("the timestamp is not yyyy-MM-ddTHH:mm:ssZ, with or without milliseconds")
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise MalformedAuthorization("the timestamp is not a valid date and time") from error


# Percent-encoding without a Python loop. The first table maps each byte to escape to the character whose UTF-8 form is
# E1, 80 + high digit, 80 + low digit. Encoding as UTF-8 yields these three bytes; the second table maps them to %XX.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE_TABLE = "".join(chr(b) if b in _UNRESERVED else chr(0x1000 | b >> 4 << 6 | b & 15) for b in range(256))
_HEX_TABLE = bytes.maketrans(b"\xe1" + bytes(range(0x80, 0x90)), b"%0123456789ABCDEF")
_CHUNK_SIZE = 1 << 16  # bytes: fits the processor's cache, and other threads run between chunks


def percent_encode(data: bytes) -> bytes:
    """Percent-encode every byte but A-Z a-z 0-9 - . _ ~, as `urllib.parse.quote(data, safe="-._~")` does."""
    if len(data) <= _CHUNK_SIZE:
        return charmap_decode(data, "strict", _ESCAPE_TABLE)[0].encode().translate(_HEX_TABLE)
    return b"".join(_percent_encode_chunks(data))


def _percent_encode_chunks(data: bytes, dropped: bytes = b"") -> Iterator[bytes]:
    """Percent-encode chunk by chunk without the bytes in `dropped`."""
    for start in range(0, len(data), _CHUNK_SIZE):
        chunk = data[start : start + _CHUNK_SIZE]
        yield percent_encode(chunk.translate(None, dropped) if dropped else chunk)


def parse_query(query: str) -> list[tuple[bytes, bytes]]:
    """Return the decoded names and values of a raw query string in its order. A name without "=" has an empty value.

    "+" is a blank, as in a form, so that the signature covers the values that handlers read. A plus is %2B.
    """
    fields = [field.partition(b"=") for field in _to_raw_bytes(query).replace(b"+", b" ").split(b"&") if field]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in fields]


def build_canonical_query(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the query line of the canonical request: encoded again, sorted by whole `name=value`, joined with "&"."""
    return b"&".join(sorted(percent_encode(name) + b"=" + percent_encode(value) for name, value in pairs))


def build_canonical_request(
    request: SignedRequest, signed_headers: Sequence[str], *, empty_query_line: bool = False
) -> bytes:
    """Return the canonical request that `sign_request` signs. Raise ValueError if the request lacks a signed header."""
    return _build_canonical_head(request, signed_headers, empty_query_line=empty_query_line) + percent_encode(
        request.body
    )


def sign_request(
    request: SignedRequest,
    ak: str,
    sk: str,
    timestamp: str,
    signed_headers: Sequence[str] = DEFAULT_SIGNED_HEADERS,
    *,
    empty_query_line: bool = False,
) -> str:
    """Return the Authorization value. `timestamp` is in UTC in the format of `parse_timestamp`.

    A request without a query has no query line, as in the vendor's own code, or an empty one with `empty_query_line`.
    Raise ValueError if the request lacks a signed header, or `parse_authorization` would reject the result.
    """
    names = tuple(sorted(name.lower() for name in signed_headers))
    unsigned = Authorization(ak=ak, timestamp=timestamp, signed_headers=names, signature="")
    head = _build_canonical_head(request, names, empty_query_line=empty_query_line)
    [signature] = _compute_signatures([derive_signing_key(sk, unsigned.prefix)], [head], request.body)
    value = f"{unsigned.prefix}/{signature}"
    if parse_authorization(value).prefix != unsigned.prefix:
        raise MalformedAuthorization("a part begins or ends with a blank")
    return value


def verify_request(
    authorization: Authorization, request: SignedRequest, secrets: Sequence[str], *, least_keys: int = 1
) -> bool:
    """Whether one of the secrets of the AK signed this request: see `find_signing_secret`."""
    return find_signing_secret(authorization, request, secrets, least_keys=least_keys) is not None


def find_signing_secret(
    authorization: Authorization, request: SignedRequest, secrets: Sequence[str], *, least_keys: int = 1
) -> int | None:
    """Return the index of the AK's secret that signed this request. An unknown AK has no secrets, and None signed.

    Accepted variants: without a query, no query line or an empty one; header lines sorted by line or by name; the body as
    sent or with its CR and LF removed, because some clients sign it before they break the lines. A rejection takes the same
    time for an unknown AK, an absent signed header and a wrong signature, and for every number of secrets up to
    `least_keys`: the most that an AK has. A body takes milliseconds per megabyte, in small
    chunks between which other threads run; a server's event loop should leave large bodies to a thread.
    """
    names = authorization.signed_headers
    possible = bool(secrets) and all(name.lower() in request.headers for name in names)
    padding = (_UNKNOWN_KEY_SECRET,) * (least_keys - len(secrets))
    keys = [derive_signing_key(sk, authorization.prefix) for sk in (*secrets, *padding)]
    signature = authorization.signature if possible else _IMPOSSIBLE_SIGNATURE
    for dropped in (b"", b"\r\n") if b"\n" in request.body or b"\r" in request.body else (b"",):
        heads = _accepted_canonical_heads(request, names)
        for number, computed in enumerate(_compute_signatures(keys, heads, request.body, dropped)):
            if hmac.compare_digest(computed, signature) and number % len(keys) < len(secrets):
                return number % len(keys)  # an early return reveals nothing to a client that did sign
    return None


def derive_signing_key(sk: str, prefix: str) -> bytes:
    """Return the key of the second HMAC: the first one's 64 hex digits as text, not its 32 bytes."""
    return hmac.digest(sk.encode(), prefix.encode(), "sha256").hex().encode()


def _compute_signatures(
    keys: Sequence[bytes], heads: Iterable[bytes], body: bytes, dropped: bytes = b""
) -> Iterator[str]:
    """Yield the signature by every key of every head plus the body without the `dropped` bytes. Encode the body once."""
    if len(body) <= _CHUNK_SIZE:
        text = percent_encode(body.translate(None, dropped) if dropped else body)
        for head in heads:
            for key in keys:
                yield hmac.digest(key, head + text, "sha256").hex()
        return
    macs = [hmac.new(key, head, "sha256") for head in heads for key in keys]
    for chunk in _percent_encode_chunks(body, dropped):
        for mac in macs:
            mac.update(chunk)
    yield from (mac.hexdigest() for mac in macs)


def _build_canonical_head(request: SignedRequest, names: Sequence[str], *, empty_query_line: bool) -> bytes:
    """Return the canonical request without its body, as `sign_request` builds it."""
    if absent := [name for name in names if name.lower() not in request.headers]:
        raise ValueError(f"the request lacks signed headers: {', '.join(absent)}")
    query = build_canonical_query(parse_query(request.query))
    return _join_canonical_lines(
        request, [query] if query or empty_query_line else [], names, sorted(_build_header_lines(request, names))
    )


def _accepted_canonical_heads(request: SignedRequest, names: Sequence[str]) -> Iterator[bytes]:
    """Yield every accepted form of the canonical request without its body, the usual one first."""
    query = build_canonical_query(parse_query(request.query))
    by_name = _build_header_lines(request, sorted(names, key=str.lower))
    by_line = sorted(by_name)
    orders = [by_line] if by_line == by_name else [by_line, by_name]  # they differ for names such as "host;host-x"
    for query_line in [[query]] if query else [[], [b""]]:
        for order in orders:
            yield _join_canonical_lines(request, query_line, names, order)


def _join_canonical_lines(
    request: SignedRequest, query: list[bytes], names: Sequence[str], header_lines: list[bytes]
) -> bytes:
    first = [_to_raw_bytes(request.method.upper()), _to_raw_bytes(request.path)]
    return b"\n".join([*first, *query, ";".join(names).encode(), *header_lines, b""])


def _build_header_lines(request: SignedRequest, names: Iterable[str]) -> list[bytes]:
    """Return `name:value` of each header in the given order. An absent header has an empty value."""
    lower = [name.lower() for name in names]
    return [_encode_line_start(name) + percent_encode(_to_raw_bytes(request.headers.get(name, ""))) for name in lower]


@lru_cache(256)
def _encode_line_start(name: str) -> bytes:
    return percent_encode(name.encode()) + b":"


def _to_raw_bytes(text: str) -> bytes:
    """Return the bytes that were transmitted. Text that Latin-1 cannot encode was not received; it is sent as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")

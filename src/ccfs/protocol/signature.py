"""auth-v2, the signature of every CC-FS request and callback: reading, checking and making it.

Only text, bytes and secrets come in, as arguments. Who owns an AK, which clock skew is allowed and what a refusal
looks like is not known here. Source: ccfs-spec 1.1 and 1.2; every reading that is accepted is in `verify`.
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
DEFAULT_SIGNED_HEADERS = ("content-length", "content-type", "host")  # what every sample of the manual signs
MAX_AUTHORIZATION_LENGTH = 8192  # characters of an Authorization value
MAX_SIGNED_HEADERS = 100  # signed headers; no honest request carries more

_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_UNKNOWN_KEY_SECRET = "the secret of an access key that does not exist"
_IMPOSSIBLE_SIGNATURE = "-" * 64  # no signature: as long as one, so that comparing takes as long


class MalformedAuthorization(ValueError):
    """The Authorization header cannot be read; the text is the reason, and quotes nothing of the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One Authorization header, its parts as received but for the blanks around them."""

    ak: str  # access key: whose secret signed
    timestamp: str  # see `instant`
    signed_headers: tuple[str, ...]  # names in the order and spelling received
    signature: str  # 64 lower-case hex digits

    @property
    def prefix(self) -> str:
        """The four parts before the signature, as they are signed."""
        return "/".join((SCHEME, self.ak, self.timestamp, ";".join(self.signed_headers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a signature covers of one HTTP request. Text is as on the wire; bytes beyond ASCII stand as Latin-1."""

    method: str
    path: str  # without the query, still percent-encoded if it was sent so
    query: str = ""  # what followed "?", still encoded
    headers: Mapping[str, str]  # lower-case name -> value as received
    body: bytes = b""


def parse_authorization(header: str) -> Authorization:
    """Read an Authorization value, `auth-v2/{AK}/{timestamp}/{signedHeaders}/{signature}`.

    Blanks around the parts are dropped, as some samples of the manual have them. Raises Malformed.
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


@lru_cache(256)  # callers name the same headers again and again
def _parse_header_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    known = {name.lower() for name in names}
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise MalformedAuthorization("the signed headers are not header names joined by ';'")
    if len(known) < len(names) or len(names) > MAX_SIGNED_HEADERS:
        raise MalformedAuthorization(f"a signed header twice, or more than {MAX_SIGNED_HEADERS}")
    if "host" not in known or "authorization" in known:
        raise MalformedAuthorization("host must be signed, and authorization cannot be")
    return names


def parse_timestamp(timestamp: str) -> datetime:
    """The instant of `yyyy-MM-dd'T'HH:mm:ss'Z'`, with or without a fraction of 1 to 6 digits; aware, UTC.

    Raises Malformed.
    """
    if not _TIMESTAMP.fullmatch(timestamp):
        raise MalformedAuthorization("the timestamp is not yyyy-MM-ddTHH:mm:ssZ, with or without milliseconds")
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise MalformedAuthorization("the timestamp is no date and time") from error


# Percent-encoding at the speed of C. A table turns each byte to escape into the one character whose UTF-8 form is
# E1, 80 + high digit, 80 + low digit; so encoding as UTF-8 makes the three bytes, and a second table names them.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE_TABLE = "".join(chr(b) if b in _UNRESERVED else chr(0x1000 | b >> 4 << 6 | b & 15) for b in range(256))
_HEX_TABLE = bytes.maketrans(b"\xe1" + bytes(range(0x80, 0x90)), b"%0123456789ABCDEF")
_CHUNK_SIZE = 1 << 16  # bytes at a time: stays in the processor's cache, and other threads run in between


def percent_encode(data: bytes) -> bytes:
    """Percent-encode every byte but A-Z a-z 0-9 - . _ ~, as `urllib.parse.quote(data, safe="-._~")` does."""
    if len(data) <= _CHUNK_SIZE:
        return charmap_decode(data, "strict", _ESCAPE_TABLE)[0].encode().translate(_HEX_TABLE)
    return b"".join(_percent_encode_chunks(data))


def _percent_encode_chunks(data: bytes, dropped: bytes = b"") -> Iterator[bytes]:
    """`normalize` piece by piece, after leaving out the bytes that are `dropped`."""
    for start in range(0, len(data), _CHUNK_SIZE):
        piece = data[start : start + _CHUNK_SIZE]
        yield percent_encode(piece.translate(None, dropped) if dropped else piece)


def parse_query(query: str) -> list[tuple[bytes, bytes]]:
    """The decoded names and values of a raw query string, in its order; a name without "=" has an empty value.

    "+" is a blank, as in a form: so the signature covers exactly what is read from the query. A plus is %2B.
    """
    fields = [field.partition(b"=") for field in _to_wire_bytes(query).replace(b"+", b" ").split(b"&") if field]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in fields]


def build_canonical_query(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The query line of the canonical request: encoded anew, sorted as whole `name=value`, joined with "&"."""
    return b"&".join(sorted(percent_encode(name) + b"=" + percent_encode(value) for name, value in pairs))


def build_canonical_request(
    request: SignedRequest, signed_headers: Sequence[str], *, empty_query_line: bool = False
) -> bytes:
    """The canonical request that `sign` signs. Raises ValueError if the request lacks a signed header."""
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
    """The whole Authorization value. `timestamp` in UTC as `instant` reads it.

    A request without a query has no query line, as in the vendor's own code, or an empty one if `empty_query_line`.
    Raises ValueError for a signed header that the request lacks, and for what `parse` would refuse.
    """
    names = tuple(sorted(name.lower() for name in signed_headers))
    unsigned = Authorization(ak=ak, timestamp=timestamp, signed_headers=names, signature="")
    head = _build_canonical_head(request, names, empty_query_line=empty_query_line)
    [signature] = _compute_signatures([derive_signing_key(sk, unsigned.prefix)], [head], request.body)
    value = f"{unsigned.prefix}/{signature}"
    if parse_authorization(value).prefix != unsigned.prefix:
        raise MalformedAuthorization("a part begins or ends with a blank")
    return value


def verify_request(authorization: Authorization, request: SignedRequest, secrets: Sequence[str]) -> bool:
    """Whether one of the secrets of the AK signed this request. No secrets: the AK is unknown, and the answer no.

    Accepted: without a query, no query line or an empty one; header lines sorted by line or by name; the body as
    sent, or with its CR and LF removed, as some senders sign it before they break the lines. A refusal takes the
    same work whether the AK is unknown, a signed header absent, or the signature wrong. Megabytes take milliseconds,
    in small pieces between which other threads run; a server's event loop should leave a large body to a thread.
    """
    names = authorization.signed_headers
    possible = bool(secrets) and all(name.lower() in request.headers for name in names)
    keys = [derive_signing_key(sk, authorization.prefix) for sk in secrets or (_UNKNOWN_KEY_SECRET,)]
    signature = authorization.signature if possible else _IMPOSSIBLE_SIGNATURE
    for dropped in (b"", b"\r\n") if b"\n" in request.body or b"\r" in request.body else (b"",):
        for made in _compute_signatures(keys, _accepted_canonical_heads(request, names), request.body, dropped):
            if hmac.compare_digest(made, signature):
                return True  # early, but only for who did sign
    return False


def derive_signing_key(sk: str, prefix: str) -> bytes:
    """The key of the second HMAC: the first one's 64 hex digits as text, not its 32 bytes."""
    return hmac.digest(sk.encode(), prefix.encode(), "sha256").hex().encode()


def _compute_signatures(
    keys: Sequence[bytes], heads: Iterable[bytes], body: bytes, dropped: bytes = b""
) -> Iterator[str]:
    """The signature under every key of every head followed by the body, `dropped` bytes left out. The body is read once."""
    if len(body) <= _CHUNK_SIZE:
        text = percent_encode(body.translate(None, dropped) if dropped else body)
        for head in heads:
            for key in keys:
                yield hmac.digest(key, head + text, "sha256").hex()
        return
    macs = [hmac.new(key, head, "sha256") for head in heads for key in keys]
    for piece in _percent_encode_chunks(body, dropped):
        for mac in macs:
            mac.update(piece)
    yield from (mac.hexdigest() for mac in macs)


def _build_canonical_head(request: SignedRequest, names: Sequence[str], *, empty_query_line: bool) -> bytes:
    """The canonical request without its body, as `sign` makes it."""
    if absent := [name for name in names if name.lower() not in request.headers]:
        raise ValueError(f"the request lacks signed headers: {', '.join(absent)}")
    query = build_canonical_query(parse_query(request.query))
    return _join_canonical_lines(
        request, [query] if query or empty_query_line else [], names, sorted(_build_header_lines(request, names))
    )


def _accepted_canonical_heads(request: SignedRequest, names: Sequence[str]) -> Iterator[bytes]:
    """Every form of the canonical request, without its body, that a client may have signed; the usual one first."""
    query = build_canonical_query(parse_query(request.query))
    by_name = _build_header_lines(request, sorted(names, key=str.lower))
    by_line = sorted(by_name)
    orders = [by_line] if by_line == by_name else [by_line, by_name]  # they differ for "host;host-x" and its like
    for query_line in [[query]] if query else [[], [b""]]:
        for order in orders:
            yield _join_canonical_lines(request, query_line, names, order)


def _join_canonical_lines(
    request: SignedRequest, query: list[bytes], names: Sequence[str], header_lines: list[bytes]
) -> bytes:
    first = [_to_wire_bytes(request.method.upper()), _to_wire_bytes(request.path)]
    return b"\n".join([*first, *query, ";".join(names).encode(), *header_lines, b""])


def _build_header_lines(request: SignedRequest, names: Iterable[str]) -> list[bytes]:
    """`name:value` of each header, in the order given; an absent one counts as empty."""
    lower = [name.lower() for name in names]
    return [_encode_line_start(name) + percent_encode(_to_wire_bytes(request.headers.get(name, ""))) for name in lower]


@lru_cache(256)
def _encode_line_start(name: str) -> bytes:
    return percent_encode(name.encode()) + b":"


def _to_wire_bytes(text: str) -> bytes:
    """The bytes that text was on the wire. What Latin-1 cannot hold did not come from there, and goes as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")

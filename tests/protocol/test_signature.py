"""auth-v2: malformed headers, properties of any request, and the cost of verification. test_vectors.py tests the vectors."""

import hmac
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ccfs.protocol import signature
from ccfs.protocol.signature import (
    Authorization,
    MalformedAuthorization,
    SignedRequest,
    build_canonical_query,
    parse_authorization,
    parse_query,
    parse_timestamp,
    percent_encode,
    sign_request,
    verify_request,
)

AK, SK, NOON = "TESTAK0001", "TestSecretKey0001", "2018-07-02T12:00:00Z"
GOOD = "f" * 64
PLAIN = SignedRequest(
    method="POST",
    path="/CCFS/resource/ccfs/queryBillData",
    headers={"host": "ccfs.example.com:8443", "content-type": "application/json", "content-length": "2"},
    body=b"{}",
)


def test_the_parts_of_an_authorization_are_parsed() -> None:
    parsed = parse_authorization(f"auth-v2/ak/{NOON}/Content-Type;host/{GOOD}")
    assert parsed == Authorization(ak="ak", timestamp=NOON, signed_headers=("Content-Type", "host"), signature=GOOD)
    assert parsed.prefix == f"auth-v2/ak/{NOON}/Content-Type;host"


@pytest.mark.parametrize(
    "header",
    [
        "auth-v2",
        f"auth-v2/ak/{NOON}/host",
        f"auth-v2/a/k/{NOON}/host/{GOOD}",
        f"auth-v1/ak/{NOON}/host/{GOOD}",
        f"AUTH-V2/ak/{NOON}/host/{GOOD}",
        f"auth-v2//{NOON}/host/{GOOD}",
        f"auth-v2/ /{NOON}/host/{GOOD}",
        f"auth-v2/ключ/{NOON}/host/{GOOD}",
        f"auth-v2/a\x00k/{NOON}/host/{GOOD}",
        f"auth-v2/ak/now/host/{GOOD}",
        f"auth-v2/ak/{NOON}//{GOOD}",
        f"auth-v2/ak/{NOON}/content-type/{GOOD}",
        f"auth-v2/ak/{NOON}/authorization;host/{GOOD}",
        f"auth-v2/ak/{NOON}/Authorization;Host/{GOOD}",
        f"auth-v2/ak/{NOON}/host;/{GOOD}",
        f"auth-v2/ak/{NOON}/host; accept/{GOOD}",
        f"auth-v2/ak/{NOON}/host;Host/{GOOD}",
        f"auth-v2/ak/{NOON}/host;a=b/{GOOD}",
        f"auth-v2/ak/{NOON}/host;{';'.join(f'x{n}' for n in range(100))}/{GOOD}",
        f"auth-v2/ak/{NOON}/host/{GOOD[:-1]}",
        f"auth-v2/ak/{NOON}/host/{GOOD}f",
        f"auth-v2/ak/{NOON}/host/{GOOD.upper()}",
        f"auth-v2/ak/{NOON}/host/{GOOD}\n",
        f"auth-v2/{'a' * 8192}/{NOON}/host/{GOOD}",
    ],
)
def test_an_authorization_that_cannot_be_parsed_is_malformed(header: str) -> None:
    with pytest.raises(MalformedAuthorization):
        parse_authorization(header)


@given(st.text(max_size=60) | st.text("/;:-TZauthv2 host0123456789", max_size=120))
def test_any_authorization_is_parsed_or_malformed(header: str) -> None:
    with suppress(MalformedAuthorization):
        assert parse_authorization(header).ak in header


def test_both_forms_of_a_timestamp_are_parsed() -> None:
    assert parse_timestamp("2018-07-02T02:42:49Z") == datetime(2018, 7, 2, 2, 42, 49, tzinfo=UTC)
    assert parse_timestamp("2018-07-02T02:42:49.007Z") == datetime(2018, 7, 2, 2, 42, 49, 7000, tzinfo=UTC)
    assert parse_timestamp("2018-07-02T02:42:49.5Z") == datetime(2018, 7, 2, 2, 42, 49, 500_000, tzinfo=UTC)
    assert parse_timestamp("2018-07-02T02:42:49.123456Z").utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "2018-07-02T02:42:49",
        "2018-07-02 02:42:49Z",
        "2018-07-02T02:42:49+08:00",
        "2018-07-02T02:42:49.Z",
        "2018-07-02T02:42:49.1234567Z",
        "2018-07-02T02:42:49Z\n",
        "2018-02-30T02:42:49Z",
        "2018-07-02T24:42:49Z",
        "0000-07-02T02:42:49Z",
        "२०१८-07-02T02:42:49Z",
    ],
)
def test_any_other_timestamp_is_malformed(timestamp: str) -> None:
    with pytest.raises(MalformedAuthorization):
        parse_timestamp(timestamp)


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@example(bytes(range(256)))
@example(b"~-._*'()! +/%25\n\r\0")
def test_percent_encode_equals_quote(data: bytes) -> None:
    assert percent_encode(data) == quote(data, safe="-._~").encode()


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_001])
def test_percent_encode_equals_quote_at_chunk_boundaries(size: int) -> None:
    data = ("录音\r\n%{}a1" * (size // 10)).encode()[:size]
    assert percent_encode(data) == quote(data, safe="-._~").encode()


def test_a_query_is_decoded_as_a_form_and_encoded_again() -> None:
    assert parse_query("b=x+y&a&&c=%2B=&=v") == [(b"b", b"x y"), (b"a", b""), (b"c", b"+="), (b"", b"v")]
    assert parse_query("bad=%zz%4") == [(b"bad", b"%zz%4")]
    assert build_canonical_query(parse_query("b=2&a-=1&a=1&b=10")) == b"a-=1&a=1&b=10&b=2"
    assert build_canonical_query(parse_query("")) == build_canonical_query(parse_query("&&")) == b""


@pytest.mark.parametrize(
    ("ak", "timestamp", "signed_headers"),
    [
        ("a/k", NOON, ("host",)),
        (" ak", NOON, ("host",)),
        ("", NOON, ("host",)),
        (AK, "2018-07-02 12:00:00", ("host",)),
        (AK, NOON, ("content-type",)),
        (AK, NOON, ("host", "x-absent")),
        (AK, NOON, ()),
    ],
)
def test_a_request_that_nobody_could_verify_is_not_signed(
    ak: str, timestamp: str, signed_headers: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        sign_request(PLAIN, ak, SK, timestamp, signed_headers)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+.^_`|~-", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
ASCII_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="?#\x7f"), max_size=30)
HEADERS = st.dictionaries(TOKEN.filter(lambda name: name != "authorization"), VALUE, max_size=4)
REQUESTS = st.builds(
    SignedRequest,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=ASCII_TEXT.map("/".__add__),
    query=ASCII_TEXT | st.just(""),
    headers=st.builds(lambda headers, host: headers | {"host": host}, HEADERS, VALUE),
    body=st.binary(max_size=80) | st.text(max_size=40).map(str.encode),
)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def sign_and_parse(request: SignedRequest, sk: str = SK, *, empty_query_line: bool = False) -> Authorization:
    return parse_authorization(
        sign_request(request, AK, sk, NOON, tuple(request.headers), empty_query_line=empty_query_line)
    )


@given(REQUESTS, SECRETS, st.booleans())
def test_a_signed_request_verifies(request: SignedRequest, sk: str, empty_query_line: bool) -> None:
    authorization = sign_and_parse(request, sk, empty_query_line=empty_query_line)
    assert verify_request(authorization, request, [sk])
    assert verify_request(authorization, request, ["the newer secret", sk])
    assert not verify_request(authorization, request, [sk + "x"])
    assert not verify_request(authorization, request, [])


def has_same_meaning(first: SignedRequest, second: SignedRequest) -> bool:
    """Whether a server reads both alike: they differ only in the spelling of the query and the line breaks of the body."""

    def normalise(request: SignedRequest) -> SignedRequest:
        query = build_canonical_query(parse_query(request.query)).decode()
        return replace(request, query=query, body=request.body.replace(b"\r", b"").replace(b"\n", b""))

    return normalise(first) == normalise(second)


def change_text(draw: st.DrawFn, text: str) -> str:
    """Return the text with one character inserted, removed or replaced."""
    at = draw(st.integers(0, len(text)))
    new = draw(st.sampled_from(["", "a", "%", " ", "=", "&", "é"]))
    return text[:at] + new + text[at + draw(st.integers(0, 1)) :]


@st.composite
def change_request(draw: st.DrawFn, request: SignedRequest) -> SignedRequest:
    """Return the request with one byte of one part changed."""
    part = draw(st.sampled_from(["method", "path", "query", "header", "body"]))
    if part == "body":
        return replace(request, body=change_text(draw, request.body.decode("latin-1")).encode("latin-1"))
    if part == "header":
        name = draw(st.sampled_from(sorted(request.headers)))
        return replace(request, headers={**request.headers, name: change_text(draw, request.headers[name])})
    if part == "method":
        return replace(request, method=change_text(draw, request.method))
    if part == "path":
        return replace(request, path=change_text(draw, request.path))
    return replace(request, query=change_text(draw, request.query))


@settings(max_examples=400)
@given(st.data(), REQUESTS, st.booleans())
def test_any_changed_byte_of_the_request_fails(
    data: st.DataObject, request: SignedRequest, empty_query_line: bool
) -> None:
    authorization = sign_and_parse(request, empty_query_line=empty_query_line)
    changed = data.draw(change_request(request))
    assume(not has_same_meaning(request, changed))
    assert not verify_request(authorization, changed, [SK])


@given(REQUESTS, st.data())
def test_any_changed_character_of_the_header_fails(request: SignedRequest, data: st.DataObject) -> None:
    header = sign_request(request, AK, SK, NOON, tuple(request.headers))
    at = data.draw(st.integers(0, len(header) - 1))
    changed = (
        header[:at] + data.draw(st.sampled_from("0aAZ/;:-.").filter(lambda new: new != header[at])) + header[at + 1 :]
    )
    try:
        assert not verify_request(parse_authorization(changed), request, [SK])
    except MalformedAuthorization:
        assert parse_authorization(header).prefix == header.rpartition("/")[0]


@given(REQUESTS, st.binary(max_size=60))
def test_a_body_may_be_signed_without_its_line_breaks_but_not_with_more(request: SignedRequest, body: bytes) -> None:
    bare = body.replace(b"\r", b"").replace(b"\n", b"")
    assert verify_request(sign_and_parse(replace(request, body=bare)), replace(request, body=body), [SK])
    assert verify_request(sign_and_parse(replace(request, body=body)), replace(request, body=bare), [SK]) == (
        bare == body
    )


def test_an_unknown_key_an_absent_header_and_a_wrong_signature_take_the_same_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Count the bytes fed to SHA-256: the time of a rejection reveals no key, even to someone who knows the dummy secret."""
    request = replace(PLAIN, body=b"{\n" + b" " * 500_000 + b"}")
    good = sign_and_parse(request)
    wrong = replace(good, signature="0" * 64)
    absent = replace(good, signed_headers=("content-type", "host", "x-is-absent"))
    real_new = hmac.new
    fed: list[int] = []

    class Counted:
        def __init__(self, key: bytes, first: bytes, digest: str) -> None:
            self.mac = real_new(key, first, digest)

        def update(self, piece: bytes) -> None:
            fed.append(len(piece))
            self.mac.update(piece)

        def hexdigest(self) -> str:
            return self.mac.hexdigest()

    def work(authorization: Authorization, secrets: list[str], least_keys: int = 1) -> int:
        fed.clear()
        assert not verify_request(authorization, request, secrets, least_keys=least_keys)
        return sum(fed)

    monkeypatch.setattr(hmac, "new", Counted)
    dummy = sign_and_parse(request, signature._UNKNOWN_KEY_SECRET)
    least = work(wrong, [SK])
    assert least > 4 * 500_000
    assert least == work(wrong, []) == work(good, []) == work(absent, [SK]) == work(absent, []) == work(dummy, [])
    assert not verify_request(dummy, request, [SK], least_keys=3)  # what fills up an AK's secrets signs nothing
    five = work(wrong, [f"{SK}{number}" for number in range(5)], 5)
    assert five == work(wrong, [], 5) == work(wrong, [SK], 5) == work(absent, [], 5) > 4 * least


def test_verifying_seven_megabytes_does_not_stall_other_threads() -> None:
    request = replace(PLAIN, body=b'{"data":"' + b"UklGRiQA/+AA" * 583_000 + b'"}')
    assert any(
        is_shared(sign_and_parse(PLAIN), request) for _ in range(10)
    )  # not every time: a busy machine delays sleeping threads


def is_shared(*arguments: object) -> bool:
    """Whether another thread runs every few milliseconds while a request is verified."""
    gaps, checking = list[float](), threading.Thread(target=verify_request, args=(*arguments, [SK]))
    checking.start()
    while checking.is_alive():
        before = time.perf_counter()
        time.sleep(0.0005)
        gaps.append(time.perf_counter() - before)
    return len(gaps) >= 5 and sorted(gaps)[len(gaps) // 2] < 0.02

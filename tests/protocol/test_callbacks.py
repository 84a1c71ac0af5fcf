"""Callbacks as CC-FS sends them: fields of the body, headers, signature."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.protocol import callbacks, signature

AK, SK = "TESTAK0001", "TestSecretKey0001"
RESPONSE_ID = "9239cb50a8384bb0ab503441bf089446"  # the responseId of D0814's sample
FILE_NAME = f"20180702_{RESPONSE_ID}.zip"
NOW = datetime(2018, 7, 2, 2, 42, 49, 310_000, tzinfo=UTC)
URL = "https://cb.example.com:8000/callback"


def make_export(kind: ExportKind, account_id: str = "") -> Export:
    return Export(
        response_id=RESPONSE_ID,
        kind=kind,
        tables=("call",),
        window=TimeWindow(begin=NOW - timedelta(days=3), end=NOW),
        filter=ExportFilter(account_id=account_id),
        callback_url=URL,
        requested_on=date(2018, 7, 2),
        requested_at=NOW,
    )


def build_headers(url: str = URL, body: bytes = b"{}", *, now: datetime = NOW, port: bool = True) -> dict[str, str]:
    return callbacks.build_headers(url, body, ak=AK, sk=SK, now=now, delivery_id=RESPONSE_ID, host_with_port=port)


class TestTheBody:
    """The msgBody of a callback."""

    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            (ExportKind.BILL, ["billFileName", "billName"]),
            (ExportKind.AGENT_OPERATION, ["agentOprInfoFileName", "fileName"]),
            (ExportKind.AGENT_SKILL, ["agentSkillInfoFileName", "agentOprSkillFileName", "fileName"]),
        ],
    )
    def test_a_callback_body_names_the_file_under_every_name_of_the_manual(
        self, kind: ExportKind, names: list[str]
    ) -> None:
        msg_body = json.loads(callbacks.build_body(make_export(kind)))["msgBody"]
        assert msg_body == {"responseId": RESPONSE_ID, **dict.fromkeys(names, FILE_NAME)}

    def test_a_callback_body_names_the_account_if_one_was_requested(self) -> None:
        msg_body = json.loads(callbacks.build_body(make_export(ExportKind.BILL, account_id="169852")))["msgBody"]
        assert msg_body == {
            "responseId": RESPONSE_ID,
            "billFileName": FILE_NAME,
            "billName": FILE_NAME,
            "accountId": "169852",
        }

    def test_a_callback_body_has_the_envelope_of_the_sample(self) -> None:
        # D0814: the table's name and the prose's
        assert callbacks.build_body(make_export(ExportKind.BILL)) == (
            b'{"request":{"version":"2.0"},"msgBody":{"responseId":"9239cb50a8384bb0ab503441bf089446",'
            b'"billFileName":"20180702_9239cb50a8384bb0ab503441bf089446.zip",'
            b'"billName":"20180702_9239cb50a8384bb0ab503441bf089446.zip"}}'
        )


class TestTheHeaders:
    """The headers of a callback."""

    def test_callback_headers_are_those_of_the_sample_and_an_id(self) -> None:
        headers = build_headers(body=b'{"a":1}')
        authorization = headers.pop("Authorization")
        assert headers == {
            "Accept": "*/*",
            "Content-Type": "application/json;charset=UTF-8",
            "Host": "cb.example.com:8000",
            "Content-Length": "7",
            "webhook-id": RESPONSE_ID,
            "webhook-timestamp": "1530499369",
        }
        assert authorization.startswith(f"auth-v2/{AK}/2018-07-02T02:42:49Z/content-length;content-type;host/")

    def test_callback_headers_without_a_port_are_signed_as_in_the_sample(self) -> None:
        # tests/protocol/vectors/callback: Host has no port although the URL has one
        assert build_headers(port=False)["Host"] == "cb.example.com"
        assert build_headers(port=False)["Authorization"].endswith(
            "/da12145995481504935a5312b96911d1d124d86cf6a24be6a08560aae259a103"
        )

    @pytest.mark.parametrize(
        ("url", "with_port", "without"),
        [
            ("https://cb.example.com:8000/x", "cb.example.com:8000", "cb.example.com"),
            ("https://cb.example.com/x", "cb.example.com", "cb.example.com"),
            ("https://cb.example.com", "cb.example.com", "cb.example.com"),
            ("https://cb.example.com:443/x", "cb.example.com:443", "cb.example.com"),
            ("http://192.0.2.7:8080?x=1", "192.0.2.7:8080", "192.0.2.7"),
            ("https://[2001:db8::7]:8443/x", "[2001:db8::7]:8443", "[2001:db8::7]"),
            ("https://[2001:db8::7]/x", "[2001:db8::7]", "[2001:db8::7]"),
        ],
    )
    def test_the_host_header_of_a_callback_is_as_in_the_url_or_without_its_port(
        self, url: str, with_port: str, without: str
    ) -> None:
        assert (build_headers(url)["Host"], build_headers(url, port=False)["Host"]) == (with_port, without)

    def test_a_later_callback_attempt_has_the_same_id_and_its_own_time_and_signature(self) -> None:
        first, second = build_headers(), build_headers(now=NOW + timedelta(minutes=10))
        changed = {name for name in first if first[name] != second[name]}
        assert changed == {"Authorization", "webhook-timestamp"}

    def test_the_time_of_a_callback_is_utc_whatever_zone_the_clock_is_in(self) -> None:
        assert build_headers(now=NOW.astimezone(timezone(timedelta(hours=8)))) == build_headers()


PATHS = ("", "/", "/callback", "/a%20b/%E5%BD%95", "/v1;x=1/cb", "/a//b")
QUERIES = ("", "?", "?y=1", "?b=2&a=1&a=0", "?%E5=%2B&+=", "?flag&&x=/y?z")


@given(
    path=st.sampled_from(PATHS),
    query=st.sampled_from(QUERIES),
    host=st.sampled_from(["cb.example.com", "CB.example.com:8000", "[::1]:8000", "192.0.2.7"]),
    body=st.binary(max_size=200),
    port=st.booleans(),
)
def test_the_signature_of_any_callback_verifies(path: str, query: str, host: str, body: bytes, port: bool) -> None:
    headers = {
        name.lower(): value for name, value in build_headers(f"https://{host}{path}{query}", body, port=port).items()
    }
    authorization = signature.parse_authorization(headers["authorization"])
    sent: dict[str, Any] = {"path": path or "/", "query": query[1:], "headers": headers, "body": body}
    request = signature.SignedRequest(method="POST", **sent)
    assert signature.verify_request(authorization, request, ["an older secret", SK])
    assert not signature.verify_request(authorization, request, ["another secret"])
    assert not signature.verify_request(
        authorization, signature.SignedRequest(method="POST", **sent | {"body": body + b" "}), [SK]
    )


def test_the_host_header_of_a_callback_is_ascii() -> None:
    headers = callbacks.build_headers(
        "http://b\u00fccher.example:8000/cb",
        b"{}",
        ak="AK",
        sk="SK",
        now=datetime(2024, 1, 1, tzinfo=UTC),
        delivery_id="d",
        host_with_port=True,
    )
    assert headers["Host"] == "xn--bcher-kva.example:8000"

"""Receiving callbacks: genuine ones are read, all others are rejected."""

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ccfs.client.receiver import Callback, CallbackError, InvalidCallback, InvalidSignature, read_callback
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.protocol import callbacks

AK, SK = "TESTAK0001", "TestSecretKey0001"
SECRETS = {AK: ["NewSecretKey0002", SK], "TESTAK0002": ["OtherSecretKey0001"]}
NOW = datetime(2018, 7, 2, 2, 42, 49, tzinfo=UTC)
RESPONSE_ID = "9239cb50a8384bb0ab503441bf089446"
FILE_NAME = f"20180702_{RESPONSE_ID}.zip"
TARGET = "/callback?tenant=1&token=a%2Fb"
URL = f"https://cb.example.com:8000{TARGET}"


def build_body(kind: ExportKind = ExportKind.BILL, account_id: str = "") -> bytes:
    """Return the body of a callback as ccfs sends it."""
    export = Export(
        response_id=RESPONSE_ID,
        kind=kind,
        tables=("call",),
        window=TimeWindow(begin=NOW, end=NOW),
        filter=ExportFilter(account_id=account_id),
        callback_url=URL,
        requested_on=date(2018, 7, 2),
        requested_at=NOW,
    )
    return callbacks.build_body(export)


def sign_headers(content: bytes, *, ak: str = AK, sk: str = SK, port: bool = True) -> dict[str, str]:
    """Return the headers of a callback as ccfs sends them."""
    return callbacks.build_headers(URL, content, ak=ak, sk=sk, now=NOW, delivery_id=RESPONSE_ID, host_with_port=port)


def read_sent_callback(content: bytes, headers: dict[str, str] | None = None, **changed: Any) -> Callback:
    """Read a callback as a receiver does one second later."""
    arguments: dict[str, Any] = {"method": "POST", "target": TARGET, "now": NOW + timedelta(seconds=1)} | changed
    sent = sign_headers(content) if headers is None else headers
    return read_callback(arguments.pop("method"), arguments.pop("target"), sent, content, secrets=SECRETS, **arguments)


def build_body_with(**msg_body: Any) -> bytes:
    """Return a body with this msgBody."""
    return json.dumps({"request": {"version": "2.0"}, "msgBody": msg_body}).encode()


class TestCallbacksOfCcfs:
    """Callbacks built by ccfs.protocol.callbacks."""

    @pytest.mark.parametrize("kind", ExportKind)
    def test_every_kind_of_callback_is_read(self, kind: ExportKind) -> None:
        assert read_sent_callback(build_body(kind)) == Callback(
            id=RESPONSE_ID, ak=AK, response_id=RESPONSE_ID, file_name=FILE_NAME, account_id=None
        )

    def test_the_account_of_a_callback_is_read_where_it_names_one(self) -> None:
        assert read_sent_callback(build_body(account_id="169852")).account_id == "169852"

    def test_the_signed_host_of_a_callback_may_lack_the_port(self) -> None:
        content = build_body()
        assert read_sent_callback(content, sign_headers(content, port=False)) == read_sent_callback(
            content, sign_headers(content, port=True)
        )

    def test_headers_of_a_callback_may_be_in_any_case(self) -> None:
        content = build_body()
        assert read_sent_callback(
            content, {name.upper(): value for name, value in sign_headers(content).items()}
        ) == read_sent_callback(content)

    def test_any_secret_of_the_key_may_have_signed(self) -> None:
        content = build_body()
        assert read_sent_callback(content, sign_headers(content, sk="NewSecretKey0002")).ak == AK
        assert (
            read_sent_callback(content, sign_headers(content, ak="TESTAK0002", sk="OtherSecretKey0001")).ak
            == "TESTAK0002"
        )

    def test_a_callback_cannot_be_changed_once_read(self) -> None:
        with pytest.raises(FrozenInstanceError):
            read_sent_callback(build_body()).file_name = "another.zip"  # type: ignore[misc]


class TestInvalidSignatures:
    """Requests that the server did not sign."""

    def test_a_callback_with_one_changed_byte_is_rejected(self) -> None:
        content = build_body()
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read_sent_callback(content.replace(b"20180702", b"20180703"), sign_headers(content))

    @pytest.mark.parametrize(
        "changed", [{"method": "PUT"}, {"target": "/callback"}, {"target": "/callback?tenant=2&token=a%2Fb"}]
    )
    def test_a_callback_with_another_method_path_or_query_is_rejected(self, changed: dict[str, Any]) -> None:
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read_sent_callback(build_body(), **changed)

    @pytest.mark.parametrize("name", ["Host", "Content-Type", "Content-Length"])
    def test_a_callback_with_a_changed_or_missing_signed_header_is_rejected(self, name: str) -> None:
        content = build_body()
        for headers in (
            sign_headers(content) | {name: "another"},
            {k: v for k, v in sign_headers(content).items() if k != name},
        ):
            with pytest.raises(InvalidSignature, match="signature is wrong"):
                read_sent_callback(content, headers)

    @pytest.mark.parametrize("seconds", [-900, 900])
    def test_the_time_of_a_callback_may_be_a_quarter_of_an_hour_off(self, seconds: int) -> None:
        assert read_sent_callback(build_body(), now=NOW + timedelta(seconds=seconds)).response_id == RESPONSE_ID

    @pytest.mark.parametrize("seconds", [-901, 901])
    def test_a_callback_with_an_old_or_future_time_is_rejected(self, seconds: int) -> None:
        with pytest.raises(InvalidSignature, match="2018-07-02T02:42:49Z, more than 0:15:00 from now"):
            read_sent_callback(build_body(), now=NOW + timedelta(seconds=seconds))

    def test_the_receiver_chooses_how_far_the_time_of_a_callback_may_be_off(self) -> None:
        assert (
            read_sent_callback(build_body(), now=NOW + timedelta(days=1), skew=timedelta(days=2)).response_id
            == RESPONSE_ID
        )

    def test_a_callback_signed_with_an_unknown_key_is_rejected(self) -> None:
        content = build_body()
        with pytest.raises(InvalidSignature, match="no secret of the access key TESTAK0009"):
            read_sent_callback(content, sign_headers(content, ak="TESTAK0009"))

    def test_a_callback_signed_with_a_key_without_secrets_is_rejected(self) -> None:
        content = build_body()
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read_callback("POST", TARGET, sign_headers(content), content, secrets={AK: []}, now=NOW)

    def test_a_callback_without_a_signature_is_rejected(self) -> None:
        content = build_body()
        headers = {name: value for name, value in sign_headers(content).items() if name != "Authorization"}
        with pytest.raises(InvalidSignature, match="no Authorization header"):
            read_sent_callback(content, headers)

    def test_a_callback_with_a_signature_of_another_kind_is_rejected(self) -> None:
        with pytest.raises(InvalidSignature, match="Authorization: not the five parts of auth-v2"):
            read_sent_callback(build_body(), {"Authorization": "Bearer 0123", "Host": "cb.example.com"})


class TestInvalidCallbacks:
    """Signed requests with an invalid body."""

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not JSON"),
            (b"ready", "not JSON"),
            (b"[" * 60_000, "not JSON"),
            (b"[]", "no msgBody"),
            (b'{"msgBody":[]}', "no msgBody"),
            (build_body_with(billFileName=FILE_NAME), "responseId"),
            (build_body_with(responseId=7, billFileName=FILE_NAME), "responseId"),
            (build_body_with(responseId=RESPONSE_ID), "no file name"),
            (build_body_with(responseId=RESPONSE_ID, billFileName=""), "no file name"),
            (build_body_with(responseId=RESPONSE_ID, billFileName=7), "billFileName"),
            (build_body_with(responseId=RESPONSE_ID, billFileName=FILE_NAME, billName="b.zip"), "contradict"),
            (build_body_with(responseId=RESPONSE_ID, fileName=FILE_NAME, accountId=1), "accountId"),
        ],
    )
    def test_a_signed_body_that_is_not_a_callback_is_rejected_with_the_reason(
        self, content: bytes, reason: str
    ) -> None:
        with pytest.raises(InvalidCallback, match=reason):
            read_sent_callback(content)

    @pytest.mark.parametrize(
        "name", ["../a.zip", "/etc/a.zip", "a\\b.zip", "C:a.zip", ".a", "..", "a\n.zip", "a\0.zip"]
    )
    def test_a_callback_with_a_file_name_that_is_a_path_is_rejected(self, name: str) -> None:
        with pytest.raises(InvalidCallback, match="has a folder, a leading dot or unprintable characters"):
            read_sent_callback(build_body_with(responseId=RESPONSE_ID, fileName=name))

    def test_both_callback_errors_can_be_caught_as_one(self) -> None:
        assert issubclass(InvalidSignature, CallbackError)
        assert issubclass(InvalidCallback, CallbackError)


class TestCallbacksOfCcFs:
    """Callbacks without webhook-id, with one file name, with empty and unknown fields."""

    @pytest.mark.parametrize("field", ["billFileName", "billName", "agentOprInfoFileName", "fileName"])
    def test_a_callback_of_cc_fs_needs_one_file_name_and_its_response_id_is_its_id(self, field: str) -> None:
        content = build_body_with(
            responseId=RESPONSE_ID, status=1, accountId=None, **{"fileName": "", field: FILE_NAME}
        )
        headers = {name: value for name, value in sign_headers(content).items() if not name.startswith("webhook-")}
        assert read_sent_callback(content, headers) == Callback(
            id=RESPONSE_ID, ak=AK, response_id=RESPONSE_ID, file_name=FILE_NAME, account_id=None
        )

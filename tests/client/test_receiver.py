"""Receiving callbacks: what ccfs sends is read, what anybody else sends is refused."""

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
ID = "9239cb50a8384bb0ab503441bf089446"
FILE = f"20180702_{ID}.zip"
TARGET = "/callback?tenant=1&token=a%2Fb"
URL = f"https://cb.example.com:8000{TARGET}"


def body(kind: ExportKind = ExportKind.BILL, account_id: str = "") -> bytes:
    """The body of a callback as it is sent."""
    export = Export(
        response_id=ID,
        kind=kind,
        tables=("call",),
        window=TimeWindow(begin=NOW, end=NOW),
        filter=ExportFilter(account_id=account_id),
        callback_url=URL,
        requested_on=date(2018, 7, 2),
        requested_at=NOW,
    )
    return callbacks.build_body(export)


def signed(content: bytes, *, ak: str = AK, sk: str = SK, port: bool = True) -> dict[str, str]:
    """The headers of a callback as they are sent."""
    return callbacks.build_headers(URL, content, ak=ak, sk=sk, now=NOW, delivery_id=ID, host_with_port=port)


def read(content: bytes, headers: dict[str, str] | None = None, **changed: Any) -> Callback:
    """What a receiver makes of it, one second later."""
    given: dict[str, Any] = {"method": "POST", "target": TARGET, "now": NOW + timedelta(seconds=1)} | changed
    sent = signed(content) if headers is None else headers
    return read_callback(given.pop("method"), given.pop("target"), sent, content, secrets=SECRETS, **given)


def telling(**told: Any) -> bytes:
    """A body with this msgBody."""
    return json.dumps({"request": {"version": "2.0"}, "msgBody": told}).encode()


class TestWhatCcfsSends:
    """The far side is our own: notices.body and notices.headers."""

    @pytest.mark.parametrize("kind", ExportKind)
    def test_every_kind_of_callback_is_read(self, kind: ExportKind) -> None:
        assert read(body(kind)) == Callback(id=ID, ak=AK, response_id=ID, file_name=FILE, account_id=None)

    def test_the_account_is_read_where_one_is_told(self) -> None:
        assert read(body(account_id="169852")).account_id == "169852"

    def test_the_host_may_lack_the_port_as_the_sender_pleases(self) -> None:
        content = body()
        assert read(content, signed(content, port=False)) == read(content, signed(content, port=True))

    def test_headers_may_come_in_any_case(self) -> None:
        content = body()
        assert read(content, {name.upper(): value for name, value in signed(content).items()}) == read(content)

    def test_any_secret_of_the_key_may_have_signed(self) -> None:
        content = body()
        assert read(content, signed(content, sk="NewSecretKey0002")).ak == AK
        assert read(content, signed(content, ak="TESTAK0002", sk="OtherSecretKey0001")).ak == "TESTAK0002"

    def test_a_callback_cannot_be_changed_once_read(self) -> None:
        with pytest.raises(FrozenInstanceError):
            read(body()).file_name = "another.zip"  # type: ignore[misc]


class TestWhatIsNotSigned:
    """Whatever is not proven to come from the server is refused."""

    def test_one_changed_byte_of_the_body(self) -> None:
        content = body()
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read(content.replace(b"20180702", b"20180703"), signed(content))

    @pytest.mark.parametrize(
        "changed", [{"method": "PUT"}, {"target": "/callback"}, {"target": "/callback?tenant=2&token=a%2Fb"}]
    )
    def test_another_method_path_or_query(self, changed: dict[str, Any]) -> None:
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read(body(), **changed)

    @pytest.mark.parametrize("name", ["Host", "Content-Type", "Content-Length"])
    def test_a_signed_header_that_was_changed_or_lost(self, name: str) -> None:
        content = body()
        for headers in (signed(content) | {name: "another"}, {k: v for k, v in signed(content).items() if k != name}):
            with pytest.raises(InvalidSignature, match="signature is wrong"):
                read(content, headers)

    @pytest.mark.parametrize("seconds", [-900, 900])
    def test_the_time_may_be_a_quarter_of_an_hour_off(self, seconds: int) -> None:
        assert read(body(), now=NOW + timedelta(seconds=seconds)).response_id == ID

    @pytest.mark.parametrize("seconds", [-901, 901])
    def test_an_old_time_or_one_to_come_is_refused(self, seconds: int) -> None:
        with pytest.raises(InvalidSignature, match="2018-07-02T02:42:49Z, which is more than 0:15:00 from now"):
            read(body(), now=NOW + timedelta(seconds=seconds))

    def test_how_far_it_may_be_off_is_the_receivers_to_say(self) -> None:
        assert read(body(), now=NOW + timedelta(days=1), skew=timedelta(days=2)).response_id == ID

    def test_an_unknown_key(self) -> None:
        content = body()
        with pytest.raises(InvalidSignature, match="no secret of the access key TESTAK0009"):
            read(content, signed(content, ak="TESTAK0009"))

    def test_a_key_whose_secrets_are_all_gone(self) -> None:
        content = body()
        with pytest.raises(InvalidSignature, match="signature is wrong"):
            read_callback("POST", TARGET, signed(content), content, secrets={AK: []}, now=NOW)

    def test_no_signature_at_all(self) -> None:
        content = body()
        headers = {name: value for name, value in signed(content).items() if name != "Authorization"}
        with pytest.raises(InvalidSignature, match="no Authorization header"):
            read(content, headers)

    def test_a_signature_of_another_kind(self) -> None:
        with pytest.raises(InvalidSignature, match="Authorization: not the five parts of auth-v2"):
            read(body(), {"Authorization": "Bearer 0123", "Host": "cb.example.com"})


class TestWhatIsNoCallback:
    """Signed, but not what was expected."""

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not JSON"),
            (b"ready", "not JSON"),
            (b"[" * 60_000, "not JSON"),
            (b"[]", "no msgBody"),
            (b'{"msgBody":[]}', "no msgBody"),
            (telling(billFileName=FILE), "responseId"),
            (telling(responseId=7, billFileName=FILE), "responseId"),
            (telling(responseId=ID), "no file name"),
            (telling(responseId=ID, billFileName=""), "no file name"),
            (telling(responseId=ID, billFileName=7), "billFileName"),
            (telling(responseId=ID, billFileName=FILE, billName="b.zip"), "contradict"),
            (telling(responseId=ID, fileName=FILE, accountId=1), "accountId"),
        ],
    )
    def test_it_is_refused_with_the_reason(self, content: bytes, reason: str) -> None:
        with pytest.raises(InvalidCallback, match=reason):
            read(content)

    @pytest.mark.parametrize(
        "name", ["../a.zip", "/etc/a.zip", "a\\b.zip", "C:a.zip", ".a", "..", "a\n.zip", "a\0.zip"]
    )
    def test_a_name_that_leads_elsewhere_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidCallback, match="plain"):
            read(telling(responseId=ID, fileName=name))

    def test_both_refusals_can_be_caught_as_one(self) -> None:
        assert issubclass(InvalidSignature, CallbackError)
        assert issubclass(InvalidCallback, CallbackError)


class TestWhatCcFsItselfSends:
    """No webhook-id, one name only, perhaps fields that are empty or that nobody knows yet."""

    @pytest.mark.parametrize("field", ["billFileName", "billName", "agentOprInfoFileName", "fileName"])
    def test_one_name_is_enough_and_the_response_id_stands_for_the_id(self, field: str) -> None:
        content = telling(responseId=ID, status=1, accountId=None, **{"fileName": "", field: FILE})
        headers = {name: value for name, value in signed(content).items() if not name.startswith("webhook-")}
        assert read(content, headers) == Callback(id=ID, ak=AK, response_id=ID, file_name=FILE, account_id=None)

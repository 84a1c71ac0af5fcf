"""Request bodies as clients send them, and the error of each invalid one."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model import errors
from ccfs.protocol import requests
from ccfs.protocol.operations import OPERATIONS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
REQUEST_MODELS = [operation.request_model for operation in OPERATIONS if operation.request_model]
VALID_FIELDS = {
    "beginTime": "2018-06-29 10:42:49",
    "endTime": "2018-07-02 10:42:49",
}  # where "x" is of an invalid format


def build_body(**msg_body: Any) -> bytes:
    return json.dumps({"request": {"version": "2.0"}, "msgBody": msg_body}).encode()


def get_error(model: type[requests.RequestBody], sent: bytes) -> tuple[type[errors.CcfsError], str]:
    """Return the error of an invalid body and the field that it names."""
    with pytest.raises(errors.InvalidRequest) as caught:
        requests.parse_request(model, sent)
    return type(caught.value), caught.value.param


def test_the_request_of_the_manuals_sample_is_parsed() -> None:
    sent = b'{"request":{"version":"2.0"},"msgBody":{"fileName":"Y:/39/record/20201015/10233946082696733.wav"}}'
    assert (
        requests.parse_request(requests.DownloadRecordFile, sent).fileName
        == "Y:/39/record/20201015/10233946082696733.wav"
    )


def test_the_request_of_a_client_of_2019_is_parsed() -> None:
    sent = b'{"msgBody":{"callId":"1776135340-404299","ccId":1},"request":{"version":"2.0"}}'
    request = requests.parse_request(requests.DownloadRecord, sent)
    assert (request.fileName, request.callId, request.ccId) == (None, "1776135340-404299", "1")


@pytest.mark.parametrize("cc_id", [1, "1"])
def test_the_cc_id_of_a_request_is_a_number_or_text(cc_id: object) -> None:
    assert requests.parse_request(requests.DownloadRecord, build_body(callId="1-2", ccId=cc_id)).ccId == "1"


def test_unknown_fields_of_a_request_are_ignored() -> None:
    assert (
        requests.parse_request(
            requests.DownloadRecord, build_body(callId="1-2", dataType="call", more={"a": [1]})
        ).callId
        == "1-2"
    )


def test_an_empty_optional_field_counts_as_absent() -> None:
    request = requests.parse_request(requests.DownloadRecord, build_body(fileName="", callId="1-2", ccId=""))
    assert (request.fileName, request.ccId) == (None, None)
    assert requests.parse_request(requests.IvrFile, build_body(fileName="x", locationId="")).locationId is None
    assert requests.parse_request(requests.IvrDownloadFile, build_body(filePath="x", mode="")).mode is None


def test_a_backslash_in_a_name_is_a_slash() -> None:
    sent = build_body(fileName="X:\\17\\0\\20180903\\15470\\2043295.V3")
    assert requests.parse_request(requests.RequestPlayVoice, sent).fileName == "X:/17/0/20180903/15470/2043295.V3"


@pytest.mark.parametrize("mode", [1, "1", 1.0])
def test_the_mode_of_a_request_is_an_integer(mode: object) -> None:
    assert requests.parse_request(requests.IvrDownloadFile, build_body(filePath="Y:/voice/1", mode=mode)).mode == 1


@pytest.mark.parametrize("sent", [b"", b" \r\n\t", b"null"])
def test_an_empty_request_body_is_reported(sent: bytes) -> None:
    assert get_error(requests.DownloadRecord, sent) == (errors.EmptyBody, "")


@pytest.mark.parametrize(
    "sent", [b"{", b"[]", b"3", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 5000, b"NaN"]
)
def test_a_request_body_that_is_not_a_json_object_has_an_invalid_format(sent: bytes) -> None:
    assert get_error(requests.DownloadRecord, sent) == (errors.InvalidFormat, "requestBody")


@pytest.mark.parametrize(
    ("sent", "kind", "param"),
    [
        (b"{}", errors.NullParameter, "request"),
        (b'{"msgBody":{}}', errors.NullParameter, "request"),
        (b'{"request":null,"msgBody":{}}', errors.NullParameter, "request"),
        (b'{"request":{},"msgBody":{}}', errors.NullParameter, "version"),
        (b'{"request":{"version":null},"msgBody":{}}', errors.NullParameter, "version"),
        (b'{"request":{"version":""},"msgBody":{}}', errors.EmptyParameter, "version"),
        (b'{"request":{"version":"222222222222222222222222222222222"},"msgBody":{}}', errors.ValueTooLong, "version"),
        (b'{"request":{"version":["2.0"]},"msgBody":{}}', errors.InvalidFormat, "version"),
        (b'{"request":{"version":"1.0"},"msgBody":{}}', errors.UnsupportedVersion, "2.0"),
        (b'{"request":{"version":2},"msgBody":{}}', errors.UnsupportedVersion, "2.0"),
        (b'{"request":{"version":"2.0"}}', errors.NullParameter, "msgBody"),
        (b'{"request":{"version":"2.0"},"msgBody":null}', errors.NullParameter, "msgBody"),
        (b'{"request":{"version":"2.0"},"msgBody":"x"}', errors.InvalidFormat, "msgBody"),
    ],
)
def test_an_invalid_envelope_is_reported(sent: bytes, kind: type[errors.CcfsError], param: str) -> None:
    assert get_error(requests.DownloadRecord, sent) == (kind, param)


@pytest.mark.parametrize(
    ("model", "name", "max_length"),
    [
        (requests.DownloadRecordFile, "fileName", 255),
        (requests.DownloadRecord, "fileName", 225),
        (requests.DownloadRecord, "callId", 25),
        (requests.DownloadRecord, "ccId", 64),
        (requests.RequestPlayVoice, "fileName", 225),
        (requests.DownloadOiapRecord, "fileName", 127),
        (requests.DownloadIVRRecordFile, "fileName", 225),
        (requests.IvrDownloadFile, "filePath", 255),
        (requests.IvrFile, "fileName", 255),
    ],
)
def test_a_field_may_be_as_long_as_in_the_manual(model: type[requests.RequestBody], name: str, max_length: int) -> None:
    assert getattr(requests.parse_request(model, build_body(**{name: "x" * max_length})), name) == "x" * max_length
    assert get_error(model, build_body(**{name: "x" * (max_length + 1)})) == (errors.ValueTooLong, name)


@pytest.mark.parametrize("model", REQUEST_MODELS)
def test_an_absent_or_empty_required_field_is_reported(model: type[requests.RequestBody]) -> None:
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    for name in required:
        others = {other: VALID_FIELDS.get(other, "x") for other in required if other != name}
        assert get_error(model, build_body(**others)) == (errors.NullParameter, name)
        assert get_error(model, build_body(**others, **{name: None})) == (errors.NullParameter, name)
        assert get_error(model, build_body(**others, **{name: ""})) == (errors.EmptyParameter, name)
        assert get_error(model, build_body(**others, **{name: ["x"]})) == (errors.InvalidFormat, name)


@pytest.mark.parametrize("value", ["a\0b", "\0", "a\nb", "a\r", "\x1f", "\x7f"])
def test_a_name_has_no_control_character(value: str) -> None:
    assert get_error(requests.DownloadRecordFile, build_body(fileName=value)) == (errors.InvalidFormat, "fileName")


def test_a_lone_surrogate_is_rejected() -> None:
    sent = b'{"request":{"version":"2.0"},"msgBody":{"callId":"\\ud800"}}'
    assert get_error(requests.DownloadRecord, sent)[0] is errors.InvalidFormat


@pytest.mark.parametrize("model", REQUEST_MODELS)
def test_an_error_can_name_every_field(model: type[requests.RequestBody]) -> None:
    for name in model.model_fields:
        assert get_error(model, build_body(**{name: {"no": "such"}}))[1] in model.model_fields


@given(st.sampled_from(REQUEST_MODELS), st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_invalid_request_body_is_rejected(model: type[requests.RequestBody], sent: bytes) -> None:
    with pytest.raises(errors.InvalidRequest):
        requests.parse_request(model, sent)


@given(
    st.sampled_from(REQUEST_MODELS),
    st.dictionaries(st.sampled_from(["fileName", "callId", "ccId", "mode", "data"]), json_values),
)
def test_any_msg_body_is_parsed_or_rejected(model: type[requests.RequestBody], msg_body: dict[str, Any]) -> None:
    with suppress(errors.InvalidRequest):
        assert isinstance(requests.parse_request(model, build_body(**msg_body)), model)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("256", 256), ("000000007", 7), ("999999999", 999_999_999)])
def test_an_integer_of_the_query_string_is_parsed(text: str, number: int) -> None:
    assert requests.parse_integer({"vdnId": text}, "vdnId", required=True) == number


@pytest.mark.parametrize("text", ["-1", "+1", "1.0", "1e3", " 1", "x", "1000000000", "²", "４", "0x1", "1;2"])
def test_a_query_parameter_that_is_not_an_integer_has_an_invalid_format(text: str) -> None:
    with pytest.raises(errors.InvalidFormat) as caught:
        requests.parse_integer({"vdnId": text}, "vdnId", required=False)
    assert caught.value.param == "vdnId"


@pytest.mark.parametrize("parameters", [{}, {"vdnId": ""}])
def test_an_optional_integer_of_the_query_string_may_be_absent(parameters: dict[str, str]) -> None:
    assert requests.parse_integer(parameters, "vdnId", required=False) is None
    with pytest.raises(errors.NullParameter):
        requests.parse_integer(parameters, "vdnId", required=True)


@pytest.mark.parametrize(
    "value", ["2018-06-29", "2018-06-29T10:42:49", "29.06.2018 10:42", "2018-6-29 10:42:49", "x" * 19]
)
def test_a_time_of_a_request_has_one_format(value: str) -> None:
    sent = build_body(beginTime=value, endTime=VALID_FIELDS["endTime"], callBackURL="https://cb.example.com/")
    assert get_error(requests.QueryAgentOprInfoData, sent) == (errors.InvalidFormat, "beginTime")


def test_the_default_data_type_is_call_record() -> None:
    given = {**VALID_FIELDS, "callBackURL": "https://cb.example.com/"}
    assert requests.parse_request(requests.QueryBillData, build_body(**given)).dataType == "call_record"
    assert requests.parse_request(requests.QueryBillData, build_body(**given, dataType="")).dataType == "call_record"
    assert requests.parse_request(requests.QueryBillData, build_body(**given, dataType="call")).dataType == "call"
    assert get_error(requests.QueryBillData, build_body(**given, dataType="calls")) == (
        errors.InvalidFormat,
        "dataType",
    )


def test_the_skill_file_may_be_requested_without_an_envelope() -> None:
    flat = b'{"agentSkillInfoFileName":"20241018_9239cb50a8384bb0ab503441bf089446.zip"}'
    name = "20241018_9239cb50a8384bb0ab503441bf089446.zip"
    assert (
        requests.parse_request(requests.DownloadAgentSkillInfoFile, flat, envelope_optional=True).agentSkillInfoFileName
        == name
    )
    enveloped = build_body(agentSkillInfoFileName=name)
    assert (
        requests.parse_request(
            requests.DownloadAgentSkillInfoFile, enveloped, envelope_optional=True
        ).agentSkillInfoFileName
        == name
    )

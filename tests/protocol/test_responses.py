"""JSON responses, byte for byte as in the manual's samples."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model import errors
from ccfs.protocol import responses


def test_a_success_with_the_deprecated_response_object() -> None:
    # the response of D0814 and D0822 with other data
    assert responses.build_success({"token": "7D41CF5D"}, legacy_response=True) == (
        b'{"response":{"version":"2.0","resultCode":"0","resultMsg":"success"},'
        b'"resultData":{"token":"7D41CF5D"},"resultCode":"0","resultDesc":"success"}'
    )


def test_a_success_without_the_deprecated_response_object() -> None:
    # the response of D0827
    data = {"fileName": "Y:/3rdfile/53/thirdvoicebotfile/8fSsBaEb_1631869974029.wav", "locationId": ["0", "256"]}
    assert responses.build_success(data, legacy_response=False) == (
        b'{"resultData":{"fileName":"Y:/3rdfile/53/thirdvoicebotfile/8fSsBaEb_1631869974029.wav",'
        b'"locationId":["0","256"]},"resultCode":"0","resultDesc":"success"}'
    )


def test_a_failure_of_playback() -> None:
    # the response of D0823
    assert responses.build_failure(errors.EmptyToken(), legacy_response=False, data=None) == (
        b'{"resultData":null,"resultCode":"010106","resultDesc":"Parameter token is empty."}'
    )


def test_a_failure_of_a_download_with_the_deprecated_response_object() -> None:
    assert responses.build_failure(errors.NoFile(), legacy_response=True, data="") == (
        b'{"response":{"version":"2.0","resultCode":"0300011","resultMsg":"The file does not exist."},'
        b'"resultData":"","resultCode":"0300011","resultDesc":"The file does not exist."}'
    )


def test_a_failure_in_chinese_is_unescaped_utf_8() -> None:
    sent = responses.build_failure(errors.NullParameter("fileName"), legacy_response=False, data="", language="zh")
    assert sent == '{"resultData":"","resultCode":"0300001","resultDesc":"fileName的值不能为null。"}'.encode()


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"), (405, "Method Not Allowed")],
)
def test_an_http_error_has_five_fields(status: int, error: str) -> None:
    # D0836's sample: {"timestamp":1532142010247,"status":403,"error":"Forbidden","message":"No message available",…}
    path = "/CCFS/resource/ccfs/queryBillData"
    assert (
        responses.build_http_error(status, path, 1532142010247)
        == (
            f'{{"timestamp":1532142010247,"status":{status},"error":"{error}",'
            f'"message":"No message available","path":"{path}"}}'
        ).encode()
    )


@given(st.text(st.characters(codec="utf-8")))
def test_any_path_is_escaped_in_an_http_error(path: str) -> None:
    assert json.loads(responses.build_http_error(404, path, 0))["path"] == path

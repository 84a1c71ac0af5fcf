"""The table of result codes: the manual's texts word for word, every error, our own codes outside the manual's range."""

from collections.abc import Iterator

import pytest

from ccfs.model import errors
from ccfs.protocol.error_codes import RESULT_CODES, SUCCESS, find_code, format_text

# D0835 with "fileName" as {param}.
MANUAL_CODES = {
    "0300001": (errors.NullParameter, "The value of fileName cannot be null."),
    "0300002": (errors.EmptyParameter, "The value of fileName cannot be an empty string."),
    "0300003": (errors.ValueTooLong, "The length of fileName is too long."),
    "0300004": (errors.InvalidFormat, "The format of fileName is incorrect."),
    "0300005": (errors.ValueTooShort, "The length of fileName is too short."),
    "0300006": (errors.UnsupportedVersion, "The value of version is error, current version is fileName ."),
    "0300007": (errors.EmptyBody, "The params of requestBody is null."),
    "0300010": (errors.InvalidDate, "The date in the value of fileName is in an incorrect format."),
    "0300011": (errors.NoFile, "The file does not exist."),
    "0300012": (errors.NoData, "No data found."),
    "0300013": (errors.BeginAfterEnd, "The beginTime cannot be later than the endTime."),
    "010106": (errors.EmptyToken, "Parameter token is empty."),
}
FLOW_CONTROL_CODES = {
    "0300008": (errors.DownloadLimitReached, "Reached the download flow control threshold."),
    "0300009": (errors.QueryLimitReached, "Reached the query flow control threshold."),
}


def iter_errors(kind: type[errors.CcfsError]) -> Iterator[type[errors.CcfsError]]:
    """Yield an error class and all its subclasses."""
    yield kind
    for subclass in kind.__subclasses__():
        yield from iter_errors(subclass)


@pytest.mark.parametrize("code", MANUAL_CODES)
def test_an_error_code_of_the_manual_has_the_manuals_text(code: str) -> None:
    kind, text = MANUAL_CODES[code]
    assert find_code(kind("fileName")).code == code
    assert format_text(kind("fileName"), "en") == text


def test_the_result_code_of_a_success_is_a_single_zero() -> None:
    assert SUCCESS[:2] == ("0", "success")


@pytest.mark.parametrize("kind", list(iter_errors(errors.CcfsError)))
def test_every_error_has_a_code_and_a_text_in_both_languages(kind: type[errors.CcfsError]) -> None:
    row = find_code(kind("fileName"))
    assert row.code.isdigit()
    for language in ("en", "zh"):
        text = format_text(kind("fileName"), language)
        assert text
        assert "{" not in text


def test_no_two_errors_share_a_code() -> None:
    codes = [row.code for row in RESULT_CODES.values()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("code", FLOW_CONTROL_CODES)
def test_the_texts_of_flow_control_are_the_manuals(code: str) -> None:
    kind, text = FLOW_CONTROL_CODES[code]
    assert (find_code(kind()).code, format_text(kind(), "en")) == (code, text)


def test_our_own_error_codes_are_outside_the_manuals_range() -> None:
    http_statuses = {"401", "403", "503"}
    ours = {row.code for row in RESULT_CODES.values()} - MANUAL_CODES.keys() - FLOW_CONTROL_CODES.keys() - http_statuses
    assert all(code.startswith("0390") or code == "010107" for code in ours)


def test_an_error_outside_the_table_has_the_code_of_its_base_class() -> None:
    assert find_code(errors.OperatorError("x")).code == "0390000"


def test_a_brace_in_the_value_of_an_error_is_not_a_placeholder() -> None:
    assert format_text(errors.NullParameter("{0.__class__}"), "en") == "The value of {0.__class__} cannot be null."

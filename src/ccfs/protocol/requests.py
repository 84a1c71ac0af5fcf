"""What callers ask: request bodies to frozen values. Pydantic's error types map onto the interface's codes.

Unknown fields are ignored. "" counts as absent where a field is optional. `\\` is read as `/` in names (spec, section 2).
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from ccfs.model import errors

VERSION = "2.0"


def _empty_to_none(value: Any) -> Any:
    return None if value == "" else value


def _normalise_slashes(value: Any) -> Any:
    return value.replace("\\", "/") if isinstance(value, str) else value


def _default_data_type(value: Any) -> Any:
    return "call_record" if value in ("", None) else value


def _integer_to_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"  # PostgreSQL cannot keep NUL, and no name needs the others

Name127 = Annotated[
    str, StringConstraints(min_length=1, max_length=127, pattern=_PRINTABLE), BeforeValidator(_normalise_slashes)
]
Name225 = Annotated[
    str, StringConstraints(min_length=1, max_length=225, pattern=_PRINTABLE), BeforeValidator(_normalise_slashes)
]
Name255 = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTABLE), BeforeValidator(_normalise_slashes)
]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=25, pattern=_PRINTABLE)]
NumberText = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE), BeforeValidator(_integer_to_text)
]
EMPTY_AS_NONE = BeforeValidator(_empty_to_none)


class RequestBody(BaseModel):
    """A msgBody; fields carry the manual's names."""

    model_config = ConfigDict(frozen=True, extra="ignore")


A = TypeVar("A", bound=RequestBody)
M = TypeVar("M", bound=BaseModel)


class DownloadRecordFile(RequestBody):
    """One recording, by the index's file_name or original_file_name."""

    fileName: Name255 = Field(description="file_name (or original_file_name) of the recording index")


class DownloadRecord(RequestBody):
    """One call's recordings, by original_file_name or callId; several come as a zip."""

    fileName: Annotated[Name225 | None, EMPTY_AS_NONE] = Field(
        default=None, description="original_file_name of the recording index"
    )
    callId: Annotated[CallId | None, EMPTY_AS_NONE] = Field(
        default=None, description="call id; several recordings come as one zip"
    )
    ccId: Annotated[NumberText | None, EMPTY_AS_NONE] = Field(
        default=None, description="call centre, as text or number"
    )


class RequestPlayVoice(RequestBody):
    """A token that plays one recording."""

    fileName: Name225 = Field(description="original_file_name of the recording index, with /")


class DownloadOiapRecord(RequestBody):
    """A recording of the intelligent IVR."""

    fileName: Name127 = Field(description="one of the four path forms of the manual")


class DownloadIVRRecordFile(RequestBody):
    """A voice message that a caller left with an IVR flow."""

    fileName: Name225 = Field(description="{drive}:/{vdnId}/record/{yyyymmdd}/{name}.wav")


class IvrDownloadFile(RequestBody):
    """A voice file by path; mode 1 takes a folder that holds exactly one file."""

    filePath: Name255 = Field(description="full path, or a folder with mode 1")
    mode: Annotated[int | None, EMPTY_AS_NONE] = Field(default=None, description="1: filePath is a folder")


class IvrUploadFile(RequestBody):
    """A voice file for a third-party bot."""

    data: Annotated[str, StringConstraints(min_length=1)] = Field(description="base64 of an 8-bit 8 kHz mono WAV")


class IvrFile(RequestBody):
    """An uploaded voice file, to be hashed or deleted."""

    fileName: Name255 = Field(description="path that the upload answered")
    locationId: Annotated[NumberText | None, EMPTY_AS_NONE] = Field(
        default=None, description="node; none means all nodes"
    )


TimeText = Annotated[str, StringConstraints(min_length=1, max_length=19, pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]
ShortText = Annotated[
    str, StringConstraints(min_length=1, max_length=20, pattern=_PRINTABLE), BeforeValidator(_integer_to_text)
]
PhoneNo = Annotated[
    str, StringConstraints(min_length=1, max_length=32, pattern=_PRINTABLE), BeforeValidator(_integer_to_text)
]
Url = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=_PRINTABLE)]
ZipFileName = Annotated[str, StringConstraints(min_length=1, max_length=49, pattern=_PRINTABLE)]


class QueryAgentOprInfoData(RequestBody):
    """Agent operations of a period as a file, announced by a callback."""

    beginTime: TimeText = Field(description="yyyy-MM-dd HH:mm:ss in the account's zone")
    endTime: TimeText = Field(description="likewise; both ends are asked for")
    accountId: Annotated[ShortText | None, EMPTY_AS_NONE] = Field(
        default=None, description="enterprise; none means all of the app"
    )
    agentId: Annotated[ShortText | None, EMPTY_AS_NONE] = Field(default=None, description="agent")
    callBackURL: Url = Field(description="where the file's name is sent; must begin with a bound prefix")


class QueryAgentSkillInfoData(QueryAgentOprInfoData):
    """Agent skill changes of a period as a file, announced by a callback."""


class QueryBillData(QueryAgentOprInfoData):
    """CDRs and recording index of a period as a file, announced by a callback."""

    callId: Annotated[CallId | None, EMPTY_AS_NONE] = Field(default=None, description="one call")
    callerNo: Annotated[PhoneNo | None, EMPTY_AS_NONE] = Field(default=None, description="calling number")
    calleeNo: Annotated[PhoneNo | None, EMPTY_AS_NONE] = Field(default=None, description="called number")
    dataType: Annotated[Literal["call", "record", "call_record"], BeforeValidator(_default_data_type)] = Field(
        default="call_record", description="call: CDRs, record: recording index, call_record: both"
    )


class DownloadBillFile(RequestBody):
    """The file of queryBillData."""

    billFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


class DownloadAgentOprInfoFile(RequestBody):
    """The file of queryAgentOprInfoData."""

    agentOprInfoFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


class DownloadAgentSkillInfoFile(RequestBody):
    """The file of queryAgentSkillInfoData."""

    agentSkillInfoFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


VersionText = Annotated[str, StringConstraints(min_length=1, max_length=32), BeforeValidator(_integer_to_text)]


class GetRecordFileUrlFromObs(RequestBody):
    """URLs of the recordings of one call in a period."""

    callId: CallId = Field(description="call id")
    beginTime: TimeText = Field(description="yyyy-MM-dd HH:mm:ss, in the account's zone with version, in UTC without")
    endTime: TimeText = Field(description="likewise; at most 3 days later")
    version: Annotated[VersionText | None, EMPTY_AS_NONE] = Field(default=None, description="2.0; none means UTC")


class _EnvelopeRequest(BaseModel):
    version: VersionText


class RequestEnvelope(BaseModel, Generic[A]):
    """The body of an operation: version beside the ask itself."""

    request: _EnvelopeRequest
    msgBody: A


def parse_request(ask: type[A], body: bytes, *, flat: bool = False) -> A:
    """The ask in an enveloped body; raises the BadAsk that says what is wrong with the first wrong field.

    `flat`: the ask may stand without its envelope, too, as two pages of the manual have it (D0813, D0821). Where an ask has
    a version of its own, the envelope's counts as that.
    """
    if body.strip() in (b"", b"null"):
        raise errors.EmptyBody
    try:
        if flat and b'"msgBody"' not in body:
            return _require_version(ask.model_validate_json(body))
        envelope: RequestEnvelope[A] = _envelope_model(ask).model_validate_json(body)
    except ValidationError as error:
        raise _to_request_error(error) from None
    _require_version(envelope.request)
    msg_body: A = envelope.msgBody
    return msg_body.model_copy(update={"version": VERSION}) if "version" in ask.model_fields else msg_body


def _require_version(one: M) -> M:
    if getattr(one, "version", None) not in (None, VERSION):
        raise errors.UnsupportedVersion(VERSION)
    return one


@cache  # pydantic looks a generic model up anew at each use
def _envelope_model(ask: type[A]) -> type[RequestEnvelope[A]]:
    return RequestEnvelope[ask]  # type: ignore[valid-type]


def parse_integer(pairs: Mapping[str, str], name: str, *, required: bool) -> int | None:
    """A whole number of the query string; None where it is absent or empty and not required."""
    value = pairs.get(name, "")
    if value == "":
        if required:
            raise errors.NullParameter(name)
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise errors.InvalidFormat(name)
    return int(value)


def _to_request_error(error: ValidationError) -> errors.InvalidRequest:
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return errors.InvalidFormat("requestBody")
    param = next((part for part in reversed(first["loc"]) if part in _KNOWN_FIELDS), "requestBody")
    return _ERROR_CLASSES.get(_classify_error(first["type"], first.get("input")), errors.InvalidFormat)(str(param))


def _classify_error(kind: str, value: object) -> str:
    """Pydantic's error type, with the two that depend on the value told apart."""
    if value is None:
        return "missing"
    return "string_empty" if kind == "string_too_short" and value == "" else kind


_ERROR_CLASSES: dict[str, type[errors.InvalidRequest]] = {
    "missing": errors.NullParameter,
    "string_empty": errors.EmptyParameter,
    "string_too_short": errors.ValueTooShort,
    "string_too_long": errors.ValueTooLong,
}
_KNOWN_FIELDS = {
    *("request", "version", "msgBody", "fileName", "callId", "ccId", "filePath", "mode", "data", "locationId"),
    *("beginTime", "endTime", "accountId", "agentId", "callBackURL", "callerNo", "calleeNo", "dataType"),
    *("billFileName", "agentOprInfoFileName", "agentSkillInfoFileName"),
}

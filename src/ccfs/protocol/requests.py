"""Request bodies as frozen values. Pydantic's error types map onto the interface's codes.

Unknown fields are ignored. "" in an optional field counts as absent. `\\` in names is read as `/` (spec, section 2).
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


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"  # PostgreSQL cannot store NUL, and no name needs the others

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


BodyT = TypeVar("BodyT", bound=RequestBody)
ModelT = TypeVar("ModelT", bound=BaseModel)


class DownloadRecordFile(RequestBody):
    """One recording, by the index's file_name or original_file_name."""

    fileName: Name255 = Field(description="file_name (or original_file_name) of the recording index")


class DownloadRecord(RequestBody):
    """One call's recordings, by original_file_name or callId; a zip if there are several."""

    fileName: Annotated[Name225 | None, EMPTY_AS_NONE] = Field(
        default=None, description="original_file_name of the recording index"
    )
    callId: Annotated[CallId | None, EMPTY_AS_NONE] = Field(
        default=None, description="call id; a zip if the call has several recordings"
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
    """A voice message that a caller left in an IVR flow."""

    fileName: Name225 = Field(description="{drive}:/{vdnId}/record/{yyyymmdd}/{name}.wav")


class IvrDownloadFile(RequestBody):
    """A voice file by path; with mode 1 the only file of a folder."""

    filePath: Name255 = Field(description="full path, or a folder with mode 1")
    mode: Annotated[int | None, EMPTY_AS_NONE] = Field(default=None, description="1: filePath is a folder")


class IvrUploadFile(RequestBody):
    """A voice file for a third-party bot."""

    data: Annotated[str, StringConstraints(min_length=1)] = Field(description="base64 of an 8-bit 8 kHz mono WAV")


class IvrFile(RequestBody):
    """An uploaded voice file to hash or delete."""

    fileName: Name255 = Field(description="path that the upload returned")
    locationId: Annotated[NumberText | None, EMPTY_AS_NONE] = Field(
        default=None, description="location; absent: all locations"
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
    """Export of the agent operations of a period."""

    beginTime: TimeText = Field(description="yyyy-MM-dd HH:mm:ss in the account's zone")
    endTime: TimeText = Field(description="likewise; inclusive")
    accountId: Annotated[ShortText | None, EMPTY_AS_NONE] = Field(
        default=None, description="account; absent: all accounts of the app"
    )
    agentId: Annotated[ShortText | None, EMPTY_AS_NONE] = Field(default=None, description="agent")
    callBackURL: Url = Field(description="URL of the callback; must begin with a bound prefix")


class QueryAgentSkillInfoData(QueryAgentOprInfoData):
    """Export of the agent skill changes of a period."""


class QueryBillData(QueryAgentOprInfoData):
    """Export of the CDRs and the recording index of a period."""

    callId: Annotated[CallId | None, EMPTY_AS_NONE] = Field(default=None, description="one call")
    callerNo: Annotated[PhoneNo | None, EMPTY_AS_NONE] = Field(default=None, description="caller number")
    calleeNo: Annotated[PhoneNo | None, EMPTY_AS_NONE] = Field(default=None, description="callee number")
    dataType: Annotated[Literal["call", "record", "call_record"], BeforeValidator(_default_data_type)] = Field(
        default="call_record", description="call: CDRs, record: recording index, call_record: both"
    )


class DownloadBillFile(RequestBody):
    """The zip of queryBillData."""

    billFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


class DownloadAgentOprInfoFile(RequestBody):
    """The zip of queryAgentOprInfoData."""

    agentOprInfoFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


class DownloadAgentSkillInfoFile(RequestBody):
    """The zip of queryAgentSkillInfoData."""

    agentSkillInfoFileName: ZipFileName = Field(description="yyyyMMdd_{responseId}.zip, as the callback names it")


VersionText = Annotated[str, StringConstraints(min_length=1, max_length=32), BeforeValidator(_integer_to_text)]


class GetRecordFileUrlFromObs(RequestBody):
    """URLs of one call's recordings in a period."""

    callId: CallId = Field(description="call id")
    beginTime: TimeText = Field(description="yyyy-MM-dd HH:mm:ss, in the account's zone with version, in UTC without")
    endTime: TimeText = Field(description="likewise; at most 3 days later")
    version: Annotated[VersionText | None, EMPTY_AS_NONE] = Field(
        default=None, description="2.0; absent: times are UTC"
    )


class _EnvelopeRequest(BaseModel):
    version: VersionText


class RequestEnvelope(BaseModel, Generic[BodyT]):
    """The whole body of a request: the version and the msgBody."""

    request: _EnvelopeRequest
    msgBody: BodyT


def parse_request(model: type[BodyT], body: bytes, *, envelope_optional: bool = False) -> BodyT:
    """Return the msgBody of a request. Raise the InvalidRequest that describes the first invalid field.

    `envelope_optional`: the msgBody may also come without its envelope, as on two pages of the manual (D0813, D0821). If the
    model has a version of its own, the envelope's version is that.
    """
    if body.strip() in (b"", b"null"):
        raise errors.EmptyBody
    try:
        if envelope_optional and b'"msgBody"' not in body:
            return _require_version(model.model_validate_json(body))
        envelope: RequestEnvelope[BodyT] = _envelope_model(model).model_validate_json(body)
    except ValidationError as error:
        raise _to_request_error(error) from None
    _require_version(envelope.request)
    msg_body: BodyT = envelope.msgBody
    return msg_body.model_copy(update={"version": VERSION}) if "version" in model.model_fields else msg_body


def _require_version(value: ModelT) -> ModelT:
    if getattr(value, "version", None) not in (None, VERSION):
        raise errors.UnsupportedVersion(VERSION)
    return value


@cache  # pydantic looks a generic model up at each use
def _envelope_model(model: type[BodyT]) -> type[RequestEnvelope[BodyT]]:
    return RequestEnvelope[model]  # type: ignore[valid-type]


def parse_integer(parameters: Mapping[str, str], name: str, *, required: bool) -> int | None:
    """Return an integer of the query string; None if it is optional and absent or empty."""
    value = parameters.get(name, "")
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
    """Return Pydantic's error type, but "missing" for null and "string_empty" for an empty text."""
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

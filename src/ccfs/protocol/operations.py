"""The operations of CC-FS as one table: name, ask, how answers and failures look. No behaviour lives here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ccfs.protocol import requests

BASE_PATH = "/CCFS/resource/ccfs/"
PATH_PREFIXES = (BASE_PATH, "/ccfs/resource/ccfs/", "/ccfs/")  # the last stands in a sample of D0827

READ_METHODS = ("GET", "HEAD")  # methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as the manual describes it."""

    name: str  # path after BASE
    request_model: type[requests.RequestBody] | None  # msgBody; None where there is no body
    legacy_response: bool  # whether JSON answers carry the deprecated `response`
    failure_data: Literal[""] | None  # resultData of a failure
    is_binary: bool  # whether a success is a file
    query_parameters: tuple[str, ...] = ()  # parameters of the query string
    aliases: tuple[str, ...] = ()
    is_signed: bool = True
    envelope_optional: bool = False  # whether the ask may come without its envelope
    manual_page: str  # page of the manual

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that it takes."""
        return ("POST",) if self.request_model else READ_METHODS


def _query_operation(name: str, ask: type[requests.RequestBody], source: str) -> Operation:
    return Operation(
        name=name, request_model=ask, legacy_response=True, failure_data="", is_binary=False, manual_page=source
    )


OPERATIONS = (
    Operation(
        name="getRecordFileUrlFromObs",
        request_model=requests.GetRecordFileUrlFromObs,
        legacy_response=False,
        failure_data="",
        is_binary=False,
        envelope_optional=True,
        manual_page="D0813",
    ),
    _query_operation("queryBillData", requests.QueryBillData, "D0814"),
    Operation(
        name="downloadBillFile",
        request_model=requests.DownloadBillFile,
        legacy_response=True,
        failure_data="",
        is_binary=True,
        manual_page="D0815",
    ),
    _query_operation("queryAgentOprInfoData", requests.QueryAgentOprInfoData, "D0818"),
    Operation(
        name="downloadAgentOprInfoFile",
        request_model=requests.DownloadAgentOprInfoFile,
        legacy_response=False,
        failure_data="",
        is_binary=True,
        manual_page="D0819",
    ),
    _query_operation("queryAgentSkillInfoData", requests.QueryAgentSkillInfoData, "D0820"),
    Operation(
        name="downloadAgentSkillInfoFile",
        request_model=requests.DownloadAgentSkillInfoFile,
        legacy_response=False,
        failure_data="",
        is_binary=True,
        envelope_optional=True,
        manual_page="D0821",
    ),
    Operation(
        name="downloadRecordFile",
        request_model=requests.DownloadRecordFile,
        legacy_response=True,
        failure_data="",
        is_binary=True,
        manual_page="D0816",
    ),
    Operation(
        name="downloadRecord",
        request_model=requests.DownloadRecord,
        legacy_response=True,
        failure_data="",
        is_binary=True,
        manual_page="D0817",
    ),
    Operation(
        name="requestPlayVoice",
        request_model=requests.RequestPlayVoice,
        legacy_response=True,
        failure_data=None,
        is_binary=False,
        manual_page="D0822",
    ),
    Operation(
        name="playVoice",
        request_model=None,
        legacy_response=False,
        failure_data=None,
        is_binary=True,
        query_parameters=("t", "version", "st"),
        is_signed=False,
        manual_page="D0823",
    ),
    Operation(
        name="downloadOiapRecord",
        request_model=requests.DownloadOiapRecord,
        legacy_response=False,
        failure_data="",
        is_binary=True,
        query_parameters=("locationId",),
        manual_page="D0824",
    ),
    Operation(
        name="downloadIVRRecordFile",
        request_model=requests.DownloadIVRRecordFile,
        legacy_response=False,
        failure_data="",
        is_binary=True,
        query_parameters=("locationId",),
        manual_page="D0825",
    ),
    Operation(
        name="ivr/downloadFile",
        request_model=requests.IvrDownloadFile,
        legacy_response=False,
        failure_data="",
        is_binary=True,
        manual_page="D0826",
    ),
    Operation(
        name="ivr/uploadFile",
        request_model=requests.IvrUploadFile,
        legacy_response=False,
        failure_data="",
        is_binary=False,
        query_parameters=("vdnId",),
        aliases=("ivr/upload",),
        manual_page="D0827",
    ),
    Operation(
        name="ivr/getFileHash",
        request_model=requests.IvrFile,
        legacy_response=False,
        failure_data="",
        is_binary=False,
        manual_page="D0828",
    ),
    Operation(
        name="ivr/deleteFile",
        request_model=requests.IvrFile,
        legacy_response=False,
        failure_data="",
        is_binary=False,
        manual_page="D0829",
    ),
)


def iter_paths() -> Iterator[tuple[str, Operation]]:
    """Every path that leads to an operation."""
    for operation in OPERATIONS:
        for name in (operation.name, *operation.aliases):
            for prefix in PATH_PREFIXES:
                yield prefix + name, operation

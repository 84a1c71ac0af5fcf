"""The operations of CC-FS: one table of path, request body, response and manual page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ccfs.protocol import requests

BASE_PATH = "/CCFS/resource/ccfs/"
PATH_PREFIXES = (BASE_PATH, "/ccfs/resource/ccfs/", "/ccfs/")  # the last is in a sample of D0827

READ_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as the manual describes it."""

    name: str  # path after BASE_PATH
    request_model: type[requests.RequestBody] | None  # msgBody; None: the request has no body
    legacy_response: bool  # whether JSON responses have the deprecated `response`
    failure_data: Literal[""] | None  # resultData of a failure
    is_binary: bool  # whether a successful response is a file
    query_parameters: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    is_signed: bool = True
    envelope_optional: bool = False  # whether the msgBody may come without its envelope
    manual_page: str  # page of the manual

    @property
    def methods(self) -> tuple[str, ...]:
        """HTTP methods of the operation."""
        return ("POST",) if self.request_model else READ_METHODS

    @property
    def is_flat(self) -> bool:
        """Whether clients send the body without an envelope: it has a version of its own (D0813)."""
        return self.request_model is not None and "version" in self.request_model.model_fields


def _query_operation(name: str, request_model: type[requests.RequestBody], manual_page: str) -> Operation:
    return Operation(
        name=name,
        request_model=request_model,
        legacy_response=True,
        failure_data="",
        is_binary=False,
        manual_page=manual_page,
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
    """Yield every path of every operation."""
    for operation in OPERATIONS:
        for name in (operation.name, *operation.aliases):
            for prefix in PATH_PREFIXES:
                yield prefix + name, operation

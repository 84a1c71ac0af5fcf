"""The operations of CC-FS as one table: name, ask, how answers and failures look. No behaviour lives here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ccfs.wire import asks

BASE = "/CCFS/resource/ccfs/"
PREFIXES = (BASE, "/ccfs/resource/ccfs/", "/ccfs/")  # the last stands in a sample of D0827

READING = ("GET", "HEAD")  # methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as the manual describes it."""

    name: str  # path after BASE
    ask: type[asks.Ask] | None  # msgBody; None where there is no body
    mirror: bool  # whether JSON answers carry the deprecated `response`
    empty: Literal[""] | None  # resultData of a failure
    binary: bool  # whether a success is a file
    query: tuple[str, ...] = ()  # parameters of the query string
    aliases: tuple[str, ...] = ()
    signed: bool = True
    flat: bool = False  # whether the ask may come without its envelope
    source: str  # page of the manual

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that it takes."""
        return ("POST",) if self.ask else READING


def _asked(name: str, ask: type[asks.Ask], source: str) -> Operation:
    return Operation(name=name, ask=ask, mirror=True, empty="", binary=False, source=source)


OPERATIONS = (
    Operation(
        name="getRecordFileUrlFromObs",
        ask=asks.GetRecordFileUrlFromObs,
        mirror=False,
        empty="",
        binary=False,
        flat=True,
        source="D0813",
    ),
    _asked("queryBillData", asks.QueryBillData, "D0814"),
    Operation(name="downloadBillFile", ask=asks.DownloadBillFile, mirror=True, empty="", binary=True, source="D0815"),
    _asked("queryAgentOprInfoData", asks.QueryAgentOprInfoData, "D0818"),
    Operation(
        name="downloadAgentOprInfoFile",
        ask=asks.DownloadAgentOprInfoFile,
        mirror=False,
        empty="",
        binary=True,
        source="D0819",
    ),
    _asked("queryAgentSkillInfoData", asks.QueryAgentSkillInfoData, "D0820"),
    Operation(
        name="downloadAgentSkillInfoFile",
        ask=asks.DownloadAgentSkillInfoFile,
        mirror=False,
        empty="",
        binary=True,
        flat=True,
        source="D0821",
    ),
    Operation(
        name="downloadRecordFile", ask=asks.DownloadRecordFile, mirror=True, empty="", binary=True, source="D0816"
    ),
    Operation(name="downloadRecord", ask=asks.DownloadRecord, mirror=True, empty="", binary=True, source="D0817"),
    Operation(
        name="requestPlayVoice", ask=asks.RequestPlayVoice, mirror=True, empty=None, binary=False, source="D0822"
    ),
    Operation(
        name="playVoice",
        ask=None,
        mirror=False,
        empty=None,
        binary=True,
        query=("t", "version", "st"),
        signed=False,
        source="D0823",
    ),
    Operation(
        name="downloadOiapRecord",
        ask=asks.DownloadOiapRecord,
        mirror=False,
        empty="",
        binary=True,
        query=("locationId",),
        source="D0824",
    ),
    Operation(
        name="downloadIVRRecordFile",
        ask=asks.DownloadIVRRecordFile,
        mirror=False,
        empty="",
        binary=True,
        query=("locationId",),
        source="D0825",
    ),
    Operation(name="ivr/downloadFile", ask=asks.IvrDownloadFile, mirror=False, empty="", binary=True, source="D0826"),
    Operation(
        name="ivr/uploadFile",
        ask=asks.IvrUploadFile,
        mirror=False,
        empty="",
        binary=False,
        query=("vdnId",),
        aliases=("ivr/upload",),
        source="D0827",
    ),
    Operation(name="ivr/getFileHash", ask=asks.IvrFile, mirror=False, empty="", binary=False, source="D0828"),
    Operation(
        name="ivr/deleteFile",
        ask=asks.IvrFile,
        mirror=False,
        empty="",
        binary=False,
        source="D0829",
    ),
)


def paths() -> Iterator[tuple[str, Operation]]:
    """Every path that leads to an operation."""
    for operation in OPERATIONS:
        for name in (operation.name, *operation.aliases):
            for prefix in PREFIXES:
                yield prefix + name, operation

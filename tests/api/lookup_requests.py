"""Requests of every operation that looks something up by name: of what an app has, and of what it does not have."""

import base64
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from ccfs.model.exports.export import ExportKind
from ccfs.protocol.operations import OPERATIONS
from tests.api.api_client import Reply
from tests.two_tenants import CALLBACK_URL, Tenant, make_a_law_wav

LookupRequest = tuple[str, dict[str, Any]]  # operation with its query, and msgBody
AUDIO_BASE64 = base64.b64encode(make_a_law_wav(250)).decode()
FAILURE_DATA = {"requestPlayVoice": None}  # resultData of a failure; else ""
EXPORT_DOWNLOADS = (
    ("downloadBillFile", "billFileName", ExportKind.BILL),
    ("downloadAgentOprInfoFile", "agentOprInfoFileName", ExportKind.AGENT_OPERATION),
    ("downloadAgentSkillInfoFile", "agentSkillInfoFileName", ExportKind.AGENT_SKILL),
)
FILE_OPERATIONS = {
    name for operation in OPERATIONS if operation.is_binary for name in (operation.name, *operation.aliases)
}
EXPORT_QUERIES = ("queryBillData", "queryAgentOprInfoData", "queryAgentSkillInfoData")


def make_missing_name(name: str) -> str:
    """Return a name of the same shape in the same folder that does not exist."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/nothing.{last.rpartition('.')[2]}"


def _build_export_fields(account_id: str) -> dict[str, Any]:
    """Return the body of an export request of one account."""
    times = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
    return {**times, "accountId": account_id, "callBackURL": CALLBACK_URL}


def _build_call_fields(call_id: str) -> dict[str, Any]:
    """Return a request for the URLs of one call, on its day in the account's zone."""
    times = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
    return {"callId": call_id, **times, "version": "2.0"}


def build_lookup_requests(member: Tenant, *, there: bool) -> dict[str, LookupRequest]:
    """Return requests by label for all that the tenant has or, unless `there`, by similar names that do not exist."""

    def named(name: str) -> str:
        return name if there else make_missing_name(name)

    return {
        "index name": ("downloadRecordFile", {"fileName": named(member.only_recording.file_name)}),
        "original name": ("downloadRecordFile", {"fileName": named(member.only_recording.original_file_name)}),
        "large file": ("downloadRecordFile", {"fileName": named(member.large_recording.file_name)}),
        "call": (
            "downloadRecord",
            {"callId": member.large_recording.call_id if there else f"1602728799-{member.vdn}999"},
        ),
        "call of two": (
            "downloadRecord",
            {"callId": member.call_recordings[0].call_id if there else f"9-{member.vdn}"},
        ),
        "name of a call": ("downloadRecord", {"fileName": named(member.call_recordings[1].original_file_name)}),
        "URL": (
            "getRecordFileUrlFromObs",
            _build_call_fields(member.large_recording.call_id if there else f"1602728799-{member.vdn}999"),
        ),
        "URLs": (
            "getRecordFileUrlFromObs",
            _build_call_fields(member.call_recordings[0].call_id if there else f"9-{member.vdn}"),
        ),
        "playback": ("requestPlayVoice", {"fileName": named(member.only_recording.original_file_name)}),
        "message": ("downloadIVRRecordFile", {"fileName": named(member.voice_message)}),
        "message, located": ("downloadIVRRecordFile?locationId=0", {"fileName": named(member.voice_message)}),
        **{f"oiap {n}": ("downloadOiapRecord", {"fileName": named(name)}) for n, name in enumerate(member.oiap_names)},
        "voice file": ("ivr/downloadFile", {"filePath": named(member.single_file)}),
        "folder": ("ivr/downloadFile", {"filePath": named(member.single_file_folder), "mode": 1}),
        "upload": (f"ivr/uploadFile?vdnId={member.vdn if there else member.vdn * 1000}", {"data": AUDIO_BASE64}),
        "upload by its alias": (
            f"ivr/upload?vdnId={member.vdn if there else member.vdn * 1000}",
            {"data": AUDIO_BASE64},
        ),
        **{
            f"file of {operation}": (operation, {field: named(member.export_names[kind])})
            for operation, field, kind in EXPORT_DOWNLOADS
        },
        **{
            f"asking {operation}": (operation, _build_export_fields(member.account_id if there else "x"))
            for operation in EXPORT_QUERIES
        },
        "message by the other operation": ("downloadRecordFile", {"fileName": named(member.voice_message)}),
        "hash": ("ivr/getFileHash", {"fileName": named(member.uploaded_name)}),
        "deletion": ("ivr/deleteFile", {"fileName": named(member.uploaded_name), "locationId": "0"}),
    }


def list_labels() -> list[str]:
    """Return the labels of build_lookup_requests, for parametrised tests, which have no tenants yet."""
    return [
        *(
            "index name",
            "original name",
            "large file",
            "call",
            "call of two",
            "name of a call",
            "URL",
            "URLs",
            "playback",
        ),
        *("message", "message, located", *(f"oiap {n}" for n in range(5))),
        *("voice file", "folder", "upload", "upload by its alias"),
        *(f"file of {operation}" for operation, _, _ in EXPORT_DOWNLOADS),
        *(f"asking {operation}" for operation in EXPORT_QUERIES),
        *("message by the other operation", "hash", "deletion"),
    ]


def assert_success(reply: Reply, operation: str, tenant: Tenant) -> None:
    """Assert a success: an audio file or a zip of the tenant's own for operations that answer files, else code 0."""
    assert reply.status == 200
    if operation.partition("?")[0] not in FILE_OPERATIONS:
        assert reply.result_code == "0"
        return
    assert reply.headers["content-type"].startswith("Application/Octet")
    if reply.body.startswith(b"PK"):
        with ZipFile(BytesIO(reply.body)) as archive:
            assert archive.testzip() is None
            audio = {archive.read(name) for name in archive.namelist() if name.endswith((".wav", ".V3"))}
        assert audio
        assert audio <= set(tenant.audio_by_name.values())
    else:
        assert reply.body in tenant.audio_by_name.values()


def assert_rejected(reply: Reply, operation: str) -> None:
    """Assert a documented failure as JSON, with nothing but its code and text."""
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    assert {"etag", "content-disposition", "content-range"}.isdisjoint(reply.headers)
    assert reply.result_code != "0"
    assert not reply.result_code.endswith("90000")  # an internal error is no rejection
    assert reply.json["resultData"] == FAILURE_DATA.get(operation.partition("?")[0], "")

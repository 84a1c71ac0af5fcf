"""Every operation that asks for something by name, as a table of asks: of what an app has, and of what it has not."""

import base64
from typing import Any

from ccfs.model.exports.export import ExportKind
from tests.cast import CALLBACK, Member, a_law
from tests.web.callers import Reply

Ask = tuple[str, dict[str, Any]]  # operation with its query, msgBody
SOUND = base64.b64encode(a_law(250)).decode()
EMPTY = {"requestPlayVoice": None}  # resultData of a failure; else ""
FILES = (
    ("downloadBillFile", "billFileName", ExportKind.BILL),
    ("downloadAgentOprInfoFile", "agentOprInfoFileName", ExportKind.AGENT_OPERATION),
    ("downloadAgentSkillInfoFile", "agentSkillInfoFileName", ExportKind.AGENT_SKILL),
)
ASKING = ("queryBillData", "queryAgentOprInfoData", "queryAgentSkillInfoData")


def lost(name: str) -> str:
    """A name of the same shape in the same folder, where nothing is."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/nothing.{last.rpartition('.')[2]}"


def _period(account_id: str) -> dict[str, Any]:
    """An ask for files of one account."""
    times = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
    return {**times, "accountId": account_id, "callBackURL": CALLBACK}


def _of_call(call_id: str) -> dict[str, Any]:
    """An ask for URLs of one call, on its day in the account's zone."""
    times = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
    return {"callId": call_id, **times, "version": "2.0"}


def doors(member: Member, *, there: bool) -> dict[str, Ask]:
    """What can be asked for by name of all that the member has; or, by like names, of what it does not have."""

    def named(name: str) -> str:
        return name if there else lost(name)

    return {
        "index name": ("downloadRecordFile", {"fileName": named(member.one.file_name)}),
        "original name": ("downloadRecordFile", {"fileName": named(member.one.original_file_name)}),
        "large file": ("downloadRecordFile", {"fileName": named(member.large.file_name)}),
        "call": ("downloadRecord", {"callId": member.large.call_id if there else f"1602728799-{member.vdn}999"}),
        "call of two": ("downloadRecord", {"callId": member.two[0].call_id if there else f"9-{member.vdn}"}),
        "name of a call": ("downloadRecord", {"fileName": named(member.two[1].original_file_name)}),
        "URL": ("getRecordFileUrlFromObs", _of_call(member.large.call_id if there else f"1602728799-{member.vdn}999")),
        "URLs": ("getRecordFileUrlFromObs", _of_call(member.two[0].call_id if there else f"9-{member.vdn}")),
        "playback": ("requestPlayVoice", {"fileName": named(member.one.original_file_name)}),
        "message": ("downloadIVRRecordFile", {"fileName": named(member.message)}),
        "message, located": ("downloadIVRRecordFile?locationId=0", {"fileName": named(member.message)}),
        **{f"oiap {n}": ("downloadOiapRecord", {"fileName": named(name)}) for n, name in enumerate(member.oiap)},
        "voice file": ("ivr/downloadFile", {"filePath": named(member.lonely)}),
        "folder": ("ivr/downloadFile", {"filePath": named(member.lonely_folder), "mode": 1}),
        "upload": (f"ivr/uploadFile?vdnId={member.vdn if there else member.vdn * 1000}", {"data": SOUND}),
        "upload by its alias": (f"ivr/upload?vdnId={member.vdn if there else member.vdn * 1000}", {"data": SOUND}),
        **{
            f"file of {operation}": (operation, {field: named(member.exports[kind])})
            for operation, field, kind in FILES
        },
        **{f"asking {operation}": (operation, _period(member.account_id if there else "x")) for operation in ASKING},
        "message by the other operation": ("downloadRecordFile", {"fileName": named(member.message)}),
        "hash": ("ivr/getFileHash", {"fileName": named(member.upload)}),
        "deletion": ("ivr/deleteFile", {"fileName": named(member.upload), "locationId": "0"}),
    }


def labels() -> list[str]:
    """The doors' names, as far as they are known before there is a cast."""
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
        *(f"file of {operation}" for operation, _, _ in FILES),
        *(f"asking {operation}" for operation in ASKING),
        *("message by the other operation", "hash", "deletion"),
    ]


def assert_refused(reply: Reply, operation: str) -> None:
    """A documented failure as JSON, and nothing in it but its code and text."""
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    assert {"etag", "content-disposition", "content-range"}.isdisjoint(reply.headers)
    assert reply.code != "0"
    assert not reply.code.endswith("90000")  # an internal error is no refusal
    assert reply.json["resultData"] == EMPTY.get(operation.partition("?")[0], "")

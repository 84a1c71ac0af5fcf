"""Callbacks: body and headers of the request that announces an export.

Where the manual contradicts itself about a field's name, every name is sent with the same value (spec, 3.1, 3.8, 3.10).
"""

import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.exports.export import Export, ExportKind
from ccfs.protocol import signature

FILE_NAME_FIELDS = {
    ExportKind.BILL: ("billFileName", "billName"),
    ExportKind.AGENT_OPERATION: ("agentOprInfoFileName", "fileName"),
    ExportKind.AGENT_SKILL: ("agentSkillInfoFileName", "agentOprSkillFileName", "fileName"),
}
CONTENT_TYPE = "application/json;charset=UTF-8"


def build_body(export: Export) -> bytes:
    """Return the callback's body. It has an `accountId` only if the query named one."""
    msg_body = {"responseId": export.response_id, **dict.fromkeys(FILE_NAME_FIELDS[export.kind], export.file_name)}
    if export.filter.account_id:
        msg_body["accountId"] = export.filter.account_id
    return json.dumps({"request": {"version": "2.0"}, "msgBody": msg_body}, separators=(",", ":")).encode()


def build_headers(
    url: str, content: bytes, *, ak: str, sk: str, now: datetime, delivery_id: str, host_with_port: bool
) -> dict[str, str]:
    """Return the callback's headers, signed as CC-FS signs (spec, 1.5). `webhook-id` is the same at every attempt.

    Raise ValueError if callbacks cannot go to the URL.
    """
    target = parse_callback_url(url)
    if target is None:
        raise ValueError(f"{url} is not a valid callback URL")
    has_port = urlsplit(url).port is not None
    host = target.host_port if has_port and host_with_port else target.host_port.rpartition(":")[0]
    signed = {"content-length": str(len(content)), "content-type": CONTENT_TYPE, "host": host}
    path, _, query = target.target.partition("?")
    request = signature.SignedRequest(method="POST", path=path, query=query, headers=signed, body=content)
    timestamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "Accept": "*/*",
        "Content-Type": CONTENT_TYPE,
        "Authorization": signature.sign_request(request, ak, sk, timestamp),
        "Host": host,
        "Content-Length": signed["content-length"],
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }

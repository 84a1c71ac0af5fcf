"""Calling operations: an ask goes out signed, an answer comes back as JSON or as a stream of bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from ccfs.client.auth import AuthV2
from ccfs.protocol.operations import BASE_PATH

JSON_TYPE = "application/json; charset=UTF-8"
ENVELOPE_KEYS = ("request", "msgBody")  # a body with one of these is sent as it is
FLAT_OPERATIONS = ("getRecordFileUrlFromObs",)  # operations without an envelope
_MAX_FAILURE_BYTES = 10_000  # bytes
GET_OPERATIONS = ("playVoice",)  # operations that are a GET: all that they are told stands in the query


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientResponse:
    """What came back: `data` is the JSON, or None where a file came, which `chunks` gives."""

    status: int
    data: dict[str, Any] | None
    response: httpx2.Response

    @property
    def is_success(self) -> bool:
        """A file, or a JSON answer with a success code (CC-CMS's 0100000 counts, as some clients expect)."""
        if self.status not in (200, 206):
            return False
        return self.data is None or self.data.get("resultCode") in ("0", "0100000")

    @property
    def file_name(self) -> str | None:
        """The file name that the server proposes."""
        _, _, name = self.response.headers.get("content-disposition", "").partition('filename="')
        return name.partition('"')[0] or None

    def iter_chunks(self) -> Iterator[bytes]:
        """The file."""
        return self.response.iter_bytes()


class CcfsClient:
    """A server and an access key."""

    def __init__(self, url: str, ak: str, sk: str, *, verify: bool = True, timeout: float = 300) -> None:
        """`url` is scheme, host and port; no proxy of the environment is used, no redirect followed."""
        self._client = httpx2.Client(
            base_url=url, auth=AuthV2(ak, sk), verify=verify, timeout=timeout, trust_env=False, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def call(
        self, operation: str, ask: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Iterator[ClientResponse]:
        """Perform an operation, e.g. "downloadRecord" or "ivr/uploadFile?vdnId=1", with its msgBody or whole body."""
        is_read = operation.partition("?")[0] in GET_OPERATIONS
        body = None if is_read else json.dumps(self._wrap_in_envelope(operation, ask), ensure_ascii=False).encode()
        sent = {**({} if is_read else {"Content-Type": JSON_TYPE}), **(headers or {})}
        method = "GET" if is_read else "POST"
        with self._client.stream(method, BASE_PATH + operation, content=body, headers=sent) as response:
            yield ClientResponse(status=response.status_code, data=_read_json(response, is_read), response=response)

    @staticmethod
    def _wrap_in_envelope(operation: str, ask: dict[str, Any]) -> dict[str, Any]:
        if operation.partition("?")[0] in FLAT_OPERATIONS or any(name in ask for name in ENVELOPE_KEYS):
            return ask
        return {"request": {"version": "2.0"}, "msgBody": ask}


def _read_json(response: httpx2.Response, is_read: bool) -> dict[str, Any] | None:
    """The JSON that came, None if it is a file. A failure of playVoice calls itself an octet stream (D0823); no audio
    begins with a brace."""
    is_json = "json" in response.headers.get("content-type", "")
    if not is_json and not (
        is_read and int(response.headers.get("content-length", _MAX_FAILURE_BYTES)) < _MAX_FAILURE_BYTES
    ):
        return None
    content = response.read()
    found: dict[str, Any] | None = json.loads(content) if is_json or content.startswith(b"{") else None
    return found

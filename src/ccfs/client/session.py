"""Calling operations: a request is sent signed, its response is JSON or a stream of bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from ccfs.client.auth import AuthV2
from ccfs.protocol.operations import BASE_PATH, OPERATIONS

JSON_TYPE = "application/json; charset=UTF-8"
ENVELOPE_KEYS = ("request", "msgBody")  # a body with one of these is sent as it is
_MAX_FAILURE_BYTES = 10_000
_FLAT_OPERATIONS = {operation.name for operation in OPERATIONS if operation.is_flat}
_GET_OPERATIONS = {operation.name for operation in OPERATIONS if "GET" in operation.methods}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientResponse:
    """One response. `data` is its JSON, or None for a file, which `iter_chunks` reads."""

    status: int
    data: dict[str, Any] | None
    response: httpx2.Response

    @property
    def is_success(self) -> bool:
        """Whether this is a file, or JSON with a success code (CC-CMS's 0100000 counts, because some clients expect it)."""
        if self.status not in (200, 206):
            return False
        return self.data is None or self.data.get("resultCode") in ("0", "0100000")

    @property
    def file_name(self) -> str | None:
        """The file name that the server proposes."""
        _, _, name = self.response.headers.get("content-disposition", "").partition('filename="')
        return name.partition('"')[0] or None

    def iter_chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the file."""
        return self.response.iter_bytes()


class CcfsClient:
    """A client of one server with one access key."""

    def __init__(self, url: str, ak: str, sk: str, *, verify: bool = True, timeout: float = 300) -> None:
        """`url` is scheme, host and port. The client ignores proxies of the environment and follows no redirects."""
        self._client = httpx2.Client(
            base_url=url, auth=AuthV2(ak, sk), verify=verify, timeout=timeout, trust_env=False, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def call(
        self, operation: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Iterator[ClientResponse]:
        """Call an operation, e.g. "downloadRecord" or "ivr/uploadFile?vdnId=1". `body` is its msgBody or the whole body."""
        name = operation.partition("?")[0]
        is_get = name in _GET_OPERATIONS
        content = None if is_get else json.dumps(self._wrap_in_envelope(name, body), ensure_ascii=False).encode()
        sent_headers = {**({} if is_get else {"Content-Type": JSON_TYPE}), **(headers or {})}
        method = "GET" if is_get else "POST"
        with self._client.stream(method, BASE_PATH + operation, content=content, headers=sent_headers) as response:
            yield ClientResponse(status=response.status_code, data=_read_json(response, is_get), response=response)

    @staticmethod
    def _wrap_in_envelope(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name in _FLAT_OPERATIONS or any(key in body for key in ENVELOPE_KEYS):
            return body
        return {"request": {"version": "2.0"}, "msgBody": body}


def _read_json(response: httpx2.Response, is_get: bool) -> dict[str, Any] | None:
    """Return the JSON of a response, None for a file.

    A failure of playVoice is JSON of type octet-stream (D0823); no audio begins with a brace.
    """
    is_json = "json" in response.headers.get("content-type", "")
    if not is_json and not (
        is_get and int(response.headers.get("content-length", _MAX_FAILURE_BYTES)) < _MAX_FAILURE_BYTES
    ):
        return None
    content = response.read()
    data: dict[str, Any] | None = json.loads(content) if is_json or content.startswith(b"{") else None
    return data

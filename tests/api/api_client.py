"""Clients as they are in the field: how they write bodies, what they sign, how they read. No expectation lives here."""

import http.client
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import Tenant

CONTENT_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)

    @property
    def result_code(self) -> str:
        """The resultCode of a JSON answer."""
        return str(self.json["resultCode"])

    def without_headers(self, *names: str) -> tuple[int, dict[str, str], bytes]:
        """All of it but these headers, to be compared with another reply."""
        return self.status, {name: value for name, value in self.headers.items() if name not in names}, self.body


def send_request(
    server: CcfsServer,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    source: str = "127.0.0.1",
) -> Reply:
    """One request on a connection of its own, from an address of loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Reply(status=response.status, headers=found, body=response.read())
    finally:
        connection.close()


def send_raw(server: CcfsServer, data: bytes, wait: float = 60) -> bytes:
    """All that comes back for these bytes until the server closes the connection, or says nothing for `wait` seconds."""
    with server.connect(wait) as connection:
        connection.sendall(data)
        found = b""
        with suppress(TimeoutError):
            while piece := connection.recv(1 << 16):
                found += piece
        return found


def wrap_in_envelope(msg_body: dict[str, Any]) -> bytes:
    """A body as the manual's samples write it."""
    return json.dumps({"request": {"version": "2.0"}, "msgBody": msg_body}, ensure_ascii=False).encode()


FLAT_OPERATIONS = ("getRecordFileUrlFromObs",)  # its body has no envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """A client of today: signs three headers, milliseconds, and an empty query line where there is no query."""

    server: CcfsServer
    ak: str
    sk: str
    age: timedelta = timedelta(0)  # how old its signatures are when they arrive
    headers: dict[str, str] = field(default_factory=dict)  # sent beside its own
    source: str = "127.0.0.1"  # the address that it calls from

    def request(self, operation: str, msg_body: dict[str, Any], **headers: str) -> Reply:
        """Perform an operation, e.g. "downloadRecord" or "ivr/uploadFile?vdnId=1"; `if_range` means If-Range."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(msg_body).encode() if operation in FLAT_OPERATIONS else self.build_body(msg_body)
        return self.post(BASE_PATH + operation, body, extra)

    def post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        """Send a body, signed, to a path that may have a query."""
        signed = self.sign_headers(target, body)
        return send_request(
            self.server, "POST", target, {**signed, **self.headers, **(headers or {})}, body, self.source
        )

    def build_body(self, msg_body: dict[str, Any]) -> bytes:
        """The body as this client writes it."""
        return wrap_in_envelope(msg_body)

    def sign_headers(self, target: str, body: bytes) -> dict[str, str]:
        """The headers of a POST with its Authorization."""
        headers = {"host": self.server.host, "content-type": CONTENT_TYPE, "content-length": str(len(body))}
        path, _, query = target.partition("?")
        request = signature.SignedRequest(method="POST", path=path, query=query, headers=headers, body=body)
        return {**headers, "Authorization": self.build_authorization(request)}

    def build_authorization(self, request: signature.SignedRequest) -> str:
        """The Authorization of a request."""
        timestamp = self.get_time().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return signature.sign_request(request, self.ak, self.sk, timestamp, empty_query_line=True)

    def get_time(self) -> datetime:
        """What it takes for now."""
        return datetime.now(UTC) - self.age


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyApiClient(ApiClient):
    """A client of 2019: keys in alphabetical order, no null, whole seconds, only the host signed, no query line."""

    def build_body(self, msg_body: dict[str, Any]) -> bytes:
        """As fastjson writes it."""
        present = {name: value for name, value in msg_body.items() if value is not None}
        whole = {"request": {"version": "2.0"}, "msgBody": present}
        return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def build_authorization(self, request: signature.SignedRequest) -> str:
        """Without milliseconds, over the host alone."""
        return signature.sign_request(request, self.ak, self.sk, f"{self.get_time():%Y-%m-%dT%H:%M:%SZ}", ("host",))


def create_client(server: CcfsServer, member: Tenant) -> ApiClient:
    """A client of today with the app's first key."""
    return ApiClient(server=server, ak=member.ak, sk=member.sk)

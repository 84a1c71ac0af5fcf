"""Clients of the API as they are in the field: how they serialise bodies, and what they sign."""

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
    """A response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body parsed as JSON."""
        return json.loads(self.body)

    @property
    def result_code(self) -> str:
        """The resultCode of a JSON response."""
        return str(self.json["resultCode"])

    def without_headers(self, *names: str) -> tuple[int, dict[str, str], bytes]:
        """Return the reply without these headers, for comparison with another reply."""
        return self.status, {name: value for name, value in self.headers.items() if name not in names}, self.body


def send_request(
    server: CcfsServer,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    source: str = "127.0.0.1",
) -> Reply:
    """Send one request on a new connection from a loopback address."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        received: dict[str, str] = {}
        for name, value in response.getheaders():
            received[name.lower()] = f"{received[name.lower()]}, {value}" if name.lower() in received else value
        return Reply(status=response.status, headers=received, body=response.read())
    finally:
        connection.close()


def send_raw(server: CcfsServer, data: bytes, wait: float = 60) -> bytes:
    """Send the bytes; return what the server sends until it closes the connection or is silent for `wait` seconds."""
    with server.connect(wait) as connection:
        connection.sendall(data)
        received = b""
        with suppress(TimeoutError):
            while piece := connection.recv(1 << 16):
                received += piece
        return received


def wrap_in_envelope(msg_body: dict[str, Any]) -> bytes:
    """Return a body as in the manual's samples."""
    return json.dumps({"request": {"version": "2.0"}, "msgBody": msg_body}, ensure_ascii=False).encode()


FLAT_OPERATIONS = ("getRecordFileUrlFromObs",)  # their bodies have no envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """A current client: it signs three headers, milliseconds, and an empty query line if the request has no query."""

    server: CcfsServer
    ak: str
    sk: str
    age: timedelta = timedelta(0)  # of its signatures on arrival
    headers: dict[str, str] = field(default_factory=dict)  # sent in addition
    source: str = "127.0.0.1"  # source address of its connections

    def request(self, operation: str, msg_body: dict[str, Any], **headers: str) -> Reply:
        """Call an operation, for example "downloadRecord" or "ivr/uploadFile?vdnId=1"; `if_range` means If-Range."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(msg_body).encode() if operation in FLAT_OPERATIONS else self.build_body(msg_body)
        return self.post(BASE_PATH + operation, body, extra)

    def post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        """Send a signed body to a path that may have a query."""
        signed = self.sign_headers(target, body)
        return send_request(
            self.server, "POST", target, {**signed, **self.headers, **(headers or {})}, body, self.source
        )

    def build_body(self, msg_body: dict[str, Any]) -> bytes:
        """Return the body as this client serialises it."""
        return wrap_in_envelope(msg_body)

    def sign_headers(self, target: str, body: bytes) -> dict[str, str]:
        """Return the headers of a POST with its Authorization."""
        headers = {"host": self.server.host, "content-type": CONTENT_TYPE, "content-length": str(len(body))}
        path, _, query = target.partition("?")
        request = signature.SignedRequest(method="POST", path=path, query=query, headers=headers, body=body)
        return {**headers, "Authorization": self.build_authorization(request)}

    def build_authorization(self, request: signature.SignedRequest) -> str:
        """Return the Authorization of a request."""
        timestamp = self.get_time().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return signature.sign_request(request, self.ak, self.sk, timestamp, empty_query_line=True)

    def get_time(self) -> datetime:
        """Return the time by this client's clock."""
        return datetime.now(UTC) - self.age


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyApiClient(ApiClient):
    """A client of 2019: keys in alphabetical order, no null, whole seconds, only the host signed, no query line."""

    def build_body(self, msg_body: dict[str, Any]) -> bytes:
        """Return the body as fastjson serialises it."""
        present = {name: value for name, value in msg_body.items() if value is not None}
        envelope = {"request": {"version": "2.0"}, "msgBody": present}
        return json.dumps(envelope, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def build_authorization(self, request: signature.SignedRequest) -> str:
        """Sign the host alone, with a time in whole seconds."""
        return signature.sign_request(request, self.ak, self.sk, f"{self.get_time():%Y-%m-%dT%H:%M:%SZ}", ("host",))


def create_client(server: CcfsServer, member: Tenant) -> ApiClient:
    """Return a current client with the app's first key."""
    return ApiClient(server=server, ak=member.ak, sk=member.sk)

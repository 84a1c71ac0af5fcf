"""auth-v2 signatures for httpx2."""

from collections.abc import Generator
from datetime import UTC, datetime

import httpx2

from ccfs.protocol import signature


class AuthV2(httpx2.Auth):
    """Sign each request of a client with one access key."""

    requires_request_body = True

    def __init__(self, ak: str, sk: str) -> None:
        self._ak = ak
        self._sk = sk

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the Authorization header to a request."""
        path, _, query = request.url.raw_path.decode("latin-1").partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = signature.SignedRequest(
            method=request.method, path=path, query=query, headers=headers, body=request.content
        )
        names = tuple(name for name in signature.DEFAULT_SIGNED_HEADERS if name in headers)
        timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        request.headers["Authorization"] = signature.sign_request(signed, self._ak, self._sk, timestamp, names)
        yield request

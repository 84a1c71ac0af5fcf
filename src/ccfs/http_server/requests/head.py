"""The head of a request: parsed by llhttp (httptools), checked, and limited."""

from dataclasses import dataclass

import httptools

from ccfs.http_server.errors import BadRequest
from ccfs.http_server.requests.target import split_target

# Two of these never mean one: a proxy and the server could choose differently.
_SINGLE_HEADERS = frozenset({"host", "content-length", "transfer-encoding"})


@dataclass(slots=True, kw_only=True)
class RequestHead:
    """A request without its body. Text is as transmitted, decoded as Latin-1."""

    method: str
    path: str
    query: str
    headers: dict[str, str]  # lower-case names; the values of a repeated name are joined by ","
    is_http_1_0: bool
    keeps_alive: bool
    content_length: int  # bytes; 0 for a chunked body
    is_chunked: bool
    expects_continue: bool


_END = b"\r\n\r\n"


class HeadParser:
    """Collects one head."""

    __slots__ = ("_count", "_headers", "_max_bytes", "_max_headers", "_parser", "_size", "_tail", "_target", "head")

    def __init__(self, max_bytes: int, max_headers: int) -> None:
        self._headers: dict[str, str] = {}
        self._target = b""
        self._size = 0
        self._count = 0  # of header lines: those of one name count, too
        self._tail = b""  # last bytes, with which the blank line may begin
        self._max_bytes, self._max_headers = max_bytes, max_headers
        self.head: RequestHead | None = None  # once it is complete
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> bytes:
        """Parse more of the head, and return what follows it; raise BadRequest.

        The parser gets no byte beyond the blank line: bodies and further requests wait until this one is judged.
        """
        joined = self._tail + data
        found = joined.find(_END)
        if found < 0:
            self._tail = joined[-3:]
            self._parse(data)
            return b""
        end = found + len(_END) - len(self._tail)
        self._tail = b""
        self._parse(data[:end])
        return data[end:]

    def _parse(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise BadRequest(431)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # of the body, of which this parser gets nothing: upgrades are ignored
            return
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            raise cause if isinstance(cause, BadRequest) else BadRequest(400) from None
        except httptools.HttpParserError:
            raise BadRequest(400) from None

    def on_url(self, part: bytes) -> None:
        """Collect the target; the parser calls this."""
        self._target += part

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        """Collect one header; the parser calls this."""
        self._count += 1
        if self._count > self._max_headers:
            raise BadRequest(431)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
        if name in self._headers:
            if name in _SINGLE_HEADERS:
                raise BadRequest(400)
            value = f"{self._headers[name]},{value}"
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Check the head and keep it; the parser calls this."""
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise BadRequest(505)
        path, query, authority = split_target(self._target.decode("latin-1"))
        headers = self._headers
        if authority is not None:
            headers["host"] = authority
        elif "host" not in headers and version == "1.1":
            raise BadRequest(400)
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            raise BadRequest(501 if version == "1.1" else 400)
        expectation = headers.get("expect", "").lower()
        if expectation not in ("", "100-continue"):
            raise BadRequest(417)
        self.head = RequestHead(
            method=self._parser.get_method().decode(),
            path=path,
            query=query,
            headers=headers,
            is_http_1_0=version == "1.0",
            keeps_alive=_keeps_alive(headers.get("connection", ""), version),
            content_length=int(headers.get("content-length", 0)),
            is_chunked=coding is not None,
            expects_continue=bool(expectation) and version == "1.1",
        )


def _keeps_alive(connection: str, version: str) -> bool:
    """Return whether the connection stays open, by the Connection header. llhttp does not report this after an upgrade."""
    options = {option.strip().lower() for option in connection.split(",")}
    return "close" not in options if version == "1.1" else "keep-alive" in options

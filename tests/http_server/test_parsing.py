"""Parsing of heads and bodies: what a stream of bytes means does not depend on how the network cuts it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ccfs.http_server.errors import BadRequest, InvalidBody
from ccfs.http_server.requests.body import IncomingBody
from ccfs.http_server.requests.head import HeadParser

SEEDS = (
    b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST http://x:1/a HTTP/1.1\r\nHost: y\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde",
    b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nt: u\r\n\r\n",
    b"HEAD * HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade, close\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\0",
    b":",
    b";",
    b"0",
    b"5",
    b"\xff",
    b"chunked",
    b"content-length: 1\r\n",
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Return a few requests with changes, and where to cut them."""
    data = b"".join(draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 3))
        data = data[:at] + draw(st.sampled_from(PIECES)) + data[at + length :]
    return data, sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))


def parse(pieces: list[bytes]) -> list[object]:
    """Return the heads and the sizes of the bodies, and the error that ends them."""
    found: list[object] = []
    parser, body = HeadParser(1 << 14, 100), None
    try:
        for piece in pieces:
            data = piece
            while data:
                if body is not None:
                    data = body.feed(data)
                else:
                    data = parser.feed(data)
                    if parser.head is not None:
                        found.append(parser.head)
                        body = IncomingBody(parser.head.content_length, parser.head.is_chunked, lambda: None)
                        parser = HeadParser(1 << 14, 100)
                if body is not None and body.is_complete:
                    found.append(body.size)
                    if body.remaining is None:  # what follows a chunked body at once is lost
                        return found
                    body = None
    except (BadRequest, InvalidBody) as error:
        found.append(error.status)
    return found


@settings(max_examples=500, deadline=None)
@given(streams())
def test_a_stream_means_the_same_however_it_is_cut(stream: tuple[bytes, list[int]]) -> None:
    data, cuts = stream
    ends = [*cuts, len(data)]
    pieces = [data[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    whole = parse([data])
    assert parse(pieces) == whole
    assert parse([data[at : at + 1] for at in range(len(data))]) == whole

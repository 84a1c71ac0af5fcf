"""Attacks on the HTTP server: malformed requests, floods, storms of connections."""

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from tests.soak.attacks.site import Attack, AttackSite, list_statuses, receive_all

HOST = b"host: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
END = b"connection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /nothing HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
SMUGGLING = (
    POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    POST + b"transfer-encoding: chunked\x0b\r\n\r\n0\r\n\r\n",
    POST + b"transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n',
    POST + b"transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    POST + b"transfer_encoding: chunked\r\ncontent-length : 5\r\n\r\n0\r\n\r\n",
    POST + b"transfer-encoding\x00: chunked\r\n\r\n0\r\n\r\n",
    POST + b"content-length: 0\r\nContent-Length: 44\r\n\r\n",
    POST + b"content-length: 0\x00\r\n\r\n",
    POST + b"content-length: 00000000000000000000000000000000000000005 5\r\n\r\nabcde",
    POST + b"content-length: 1e1\r\n\r\nabcde",
    POST + b"x: y\r\n\x0bcontent-length: 5\r\n\r\nabcde",
    POST + b"x: y\x0d\x0d\x0acontent-length: 5\r\n\r\nabcde",
    POST + b"x: y\n\r\ncontent-length: 5\r\n\r\nabcde",
    b"POST /nothing HTTP/1.1\r\nhost: x\r\nhost:\r\n\r\n",
    b"POST http://a/nothing HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET /healthz HTTP/1.1 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET\t/healthz\tHTTP/1.1\r\nhost: x\r\n\r\n",
    b"get /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /healthz http/1.1\r\nhost: x\r\n\r\n",
    b"\x00GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
)
CHUNKS = (
    b"00000000000000003\r\nabc\r\n0\r\n\r\n",  # 17 digits, of which all but one say nothing
    b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n0\r\n\r\n",
    b"3\r\nabcX\r\n0\r\n\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3;a\x00b\r\nabc\r\n0\r\n\r\n",
    b"-0\r\n\r\n",
    b"0\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    b"0\r\nx: y\r\n\r\nX",
)


def smuggle(site: AttackSite) -> str:
    """Send requests that two programs could read differently, each with another request behind it."""
    for data in SMUGGLING:
        statuses = list_statuses(site.send(data + SMUGGLED))
        assert statuses, data
        assert len(statuses) == 1, (data, statuses)
        assert statuses[0] in ("400", "501", "505"), (data, statuses)
    return f"{len(SMUGGLING)} forms: one error each"


def smuggle_by_chunks(site: AttackSite) -> str:
    """Send ambiguous chunks, each with another request behind it. The path takes no POST: its response is 404."""
    for data in CHUNKS:
        statuses = list_statuses(site.send(CHUNKED + data + SMUGGLED))
        assert statuses in (["404"], ["400"]), (data, statuses)
    return f"{len(CHUNKS)} forms: one response each, then the end"


def flood_headers(site: AttackSite) -> str:
    """10,000 tiny headers; one name 10,000 times; cookies of 8 KB."""
    many = b"".join(b"%x:\r\n" % number for number in range(10_000))
    same = b"x:y\r\n" * 2_700 + END
    cookies = b"cookie: " + b"a=b; " * 1_600 + b"\r\n"
    assert list_statuses(site.send(GET + many + b"\r\n")) == ["431"]
    assert list_statuses(site.send(GET + same)) == ["431"]
    with ThreadPoolExecutor(8) as pool:
        page = b"GET /console/login HTTP/1.1\r\n" + HOST + cookies + END
        answers = list(pool.map(lambda _: list_statuses(site.send(page)), range(site.scale(500, 20))))
    assert answers == [["200"]] * len(answers)
    return f"431; one name 2,700 times 431; {len(answers)} × 8 KB of cookies 200"


def flood_target(site: AttackSite) -> str:
    """A query, an If-None-Match, an If-Range and an Accept-Language of 1 MB and of 15 KB."""
    large, fitting = b"a" * 1_000_000, b"a,en;q=0.1," * 1_300
    for name in (b"if-none-match", b"if-range", b"accept-language", b"x-forwarded-for", b"user-agent", b"referer"):
        assert list_statuses(site.send(GET + name + b": " + large + b"\r\n\r\n")) == ["431"]
        page = b"GET /console/login HTTP/1.1\r\n" + HOST + name + b": " + fitting + b"\r\n" + END
        assert list_statuses(site.send(page)) == ["200"]
    query = b"&".join(b"a%d=%%41" % number for number in range(1_200))
    assert list_statuses(site.send(b"GET /console/login?" + large + b" HTTP/1.1\r\n\r\n")) == ["431"]
    assert list_statuses(site.send(b"GET /console/login?" + query + b" HTTP/1.1\r\n" + HOST + END)) == ["200"]
    return "1 MB: 431; 15 KB: 200"


def pipeline(site: AttackSite) -> str:
    """10,000 requests at once on one connection, and each is answered."""
    count = site.scale(10_000, 500)
    received = site.send(GET + b"\r\n" + (GET + b"\r\n") * (count - 2) + GET + END)
    statuses = list_statuses(received)
    assert statuses == ["200"] * count, (len(statuses), set(statuses))
    return f"{count} answered"


def pipeline_without_reading(site: AttackSite) -> str:
    """Requests without end on 50 connections whose answers nobody reads."""
    with ExitStack() as stack:
        held = [stack.enter_context(site.connect(f"127.0.3.{number % 50 + 1}")) for number in range(50)]
        sent = 0
        end = time.monotonic() + site.scale(10, 1)
        for connection in held:
            connection.setblocking(False)
        while time.monotonic() < end:
            for connection in held:
                with suppress(BlockingIOError, OSError):
                    sent += connection.send((GET + b"\r\n") * 1_000)
            time.sleep(0.01)
    return f"{sent >> 10} KB taken of 50 connections, then no more"


def send_tiny_chunks(site: AttackSite) -> str:
    """Chunks of one byte on many connections of strangers."""
    data = b"1\r\na\r\n" * 170_000

    def send(number: int) -> bytes:
        head = b"POST /CCFS/resource/ccfs/downloadRecord HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n"
        return site.send(head + data, source=f"127.0.3.{number % 8 + 1}")[9:12]

    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(send, range(site.scale(64, 4))))
    assert statuses <= {b"401", b""}, statuses
    return "401 each"


def expect_and_hold(site: AttackSite) -> str:
    """Expect: 100-continue, and then nothing."""
    head = POST + b"content-length: 5000000\r\nexpect: 100-continue\r\n\r\n"
    with ExitStack() as stack:
        held = [stack.enter_context(site.connect()) for _ in range(site.scale(200, 10))]
        for connection in held:
            connection.sendall(head)
        began = time.monotonic()
        answers = [receive_all(connection) for connection in held]
    assert all(list_statuses(answer) == ["404"] for answer in answers)
    return f"404 and the end within {time.monotonic() - began:.1f} s"


def ask_for_upgrades(site: AttackSite) -> str:
    """h2c, websocket, TLS, and the preface of HTTP/2."""
    for protocol in (b"h2c", b"websocket", b"TLS/1.3", b"a, b, c"):
        head = GET + b"upgrade: " + protocol + b"\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nsec-websocket-key: x\r\n"
        upgraded = site.send(head + b"connection: upgrade, http2-settings, close\r\n\r\nPRI * HTTP/2.0\r\n\r\n")
        assert list_statuses(upgraded) == ["200"], upgraded
    preface = site.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
    assert list_statuses(preface)[:1] in (["400"], ["505"]), preface
    return "answered in HTTP/1.1; preface 400 or 505"


def send_bodies_with_head(site: AttackSite) -> str:
    """HEAD, GET, DELETE, OPTIONS and TRACE with bodies that are requests."""
    for method in (b"HEAD", b"GET", b"DELETE", b"OPTIONS", b"TRACE", b"PURGE"):
        length = b"content-length: %d\r\n\r\n" % len(SMUGGLED)
        received = site.send(method + b" /healthz HTTP/1.1\r\n" + HOST + length + SMUGGLED + GET + END)
        statuses = list_statuses(received)
        assert len(statuses) == 2, (method, statuses)
        assert statuses[1] == "200", (method, statuses)
    return "bodies are bodies"


def close_half(site: AttackSite) -> str:
    """Close the sending half at each point of a request."""
    request = POST + b"content-length: 10\r\n\r\n0123456789"
    for end in range(0, len(request) + 1, 3):
        with site.connect() as connection:
            connection.sendall(request[:end])
            connection.shutdown(socket.SHUT_WR)
            assert len(list_statuses(receive_all(connection))) <= 1
    return "one response or none, at once"


def storm_resets(site: AttackSite) -> str:
    """Connections that are reset in the midst of a request."""
    count = site.scale(20_000, 500)

    def reset(number: int) -> None:
        with suppress(OSError), site.connect(f"127.0.3.{number % 200 + 1}") as connection:
            connection.send(GET if number % 2 else GET + b"\r\n" + CHUNKED + b"5\r\nab")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(reset, range(count)))
    return f"{count} resets"


def storm_connections(site: AttackSite) -> str:
    """Connect and close, without a byte."""
    count = site.scale(100_000, 1_000)

    def connect(number: int) -> None:
        with suppress(OSError):
            site.connect(f"127.0.3.{number % 200 + 1}").close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(connect, range(count)))
    return f"{count} connections"


def read_a_byte_at_a_time(site: AttackSite) -> str:
    """Read a large recording at one byte a second, on many connections."""
    path = "/CCFS/resource/ccfs/downloadRecordFile"
    body = site.client.build_body({"fileName": site.tenant.large_recording.file_name})
    headers = site.client.sign_headers(path, body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
    with ExitStack() as stack:
        held = []
        for number in range(site.scale(300, 10)):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.bind((f"127.0.3.{number % 8 + 1}", 0))
            connection.connect(("127.0.0.1", site.server.port))
            connection.sendall(request)
            held.append(stack.enter_context(connection))
        for _ in range(site.scale(125, 1)):
            for connection in held:
                with suppress(OSError):
                    connection.recv(1)
            time.sleep(1)
        closed = sum(_is_closed(connection) for connection in held)
    if not site.is_quick:
        assert closed == len(held), (closed, len(held))
    return f"{len(held)} readers, {closed} closed after {site.scale(125, 1)} s"


def _is_closed(connection: socket.socket) -> bool:
    """Whether the connection ended, with or without bytes that still wait in the kernel."""
    with suppress(OSError):
        connection.settimeout(5)
        while connection.recv(1 << 16):
            pass
        return True
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and not _is_open(connection)


def _is_open(connection: socket.socket) -> bool:
    try:
        connection.setblocking(False)
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


ATTACKS = (
    Attack(name="request smuggling by headers", run=smuggle),
    Attack(name="request smuggling by chunks", run=smuggle_by_chunks, is_short=False),
    Attack(name="floods of headers and cookies", run=flood_headers),
    Attack(name="huge targets and header values", run=flood_target),
    Attack(name="10,000 pipelined requests", run=pipeline),
    Attack(name="pipelining without reading", run=pipeline_without_reading, is_short=False),
    Attack(name="bodies in chunks of one byte", run=send_tiny_chunks, is_short=False),
    Attack(name="Expect: 100-continue, then silence", run=expect_and_hold),
    Attack(name="upgrades to h2c, websocket, TLS", run=ask_for_upgrades),
    Attack(name="bodies with HEAD, GET, TRACE", run=send_bodies_with_head),
    Attack(name="half-closed at every point", run=close_half),
    Attack(name="storm of resets", run=storm_resets),
    Attack(name="storm of connections", run=storm_connections),
    Attack(name="reading one byte a second", run=read_a_byte_at_a_time, is_short=False),
)

"""The attacks that once succeeded, each with what it did then and how it is tried now."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from ccfs.model.formats.http_range import parse_range
from ccfs.protocol.operations import BASE_PATH
from ccfs.switches.asterisk.channels import parse_caller_name
from ccfs.switches.freeswitch.formats.documents import parse_xml_variables
from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, list_named_files
from tests.api.api_client import send_request
from tests.console.console_client import ConsoleClient
from tests.http_server.hostile_clients import UPLOAD_PATH, is_ended
from tests.soak.attacks.site import Attack, AttackSite, list_statuses, receive_all

LINEAR_SECONDS = 2.0  # for a megabyte, on a busy machine


@dataclass(frozen=True, kw_only=True)
class KnownAttack:
    """An attack that succeeded before: by number, with its effect then, and how it is tried now."""

    number: str
    name: str
    before: str
    run: Callable[[AttackSite], str] | None = None
    tests: tuple[str, ...] = ()  # that try it on a site of its own


def send_range_of_blanks(site: AttackSite) -> str:
    """F1: blanks in Range, as large as fits and larger."""
    token = (
        f"GET {BASE_PATH}playVoice?st={site.tenant.play_token} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".encode()
    )
    slowest = 0.0
    for size in (100, 8_000, 15_000, 100_000, 390_000):
        began = time.monotonic()
        statuses = list_statuses(site.send(token + b"range: bytes=" + b" " * size + b"1\r\n\r\n"))
        assert statuses in (["200"], ["431"]), statuses
        slowest = max(slowest, time.monotonic() - began)
    began = time.monotonic()
    assert parse_range("bytes=" + " " * 1_000_000 + "1", 10) is None
    assert time.monotonic() - began < LINEAR_SECONDS
    assert slowest < LINEAR_SECONDS
    return f"200 or 431 within {slowest * 1000:.0f} ms"


def stay_silent(site: AttackSite) -> str:
    """F2: 1,100 connections that say nothing."""
    with ExitStack() as stack:
        held = []
        for number in range(site.scale(1_100, 300)):
            held.append(stack.enter_context(site.connect(f"127.0.3.{number % 8 + 1}")))
        assert send_request(site.server, "GET", "/healthz").status == 200
        time.sleep(site.scale(15, 0))
        closed = sum(map(is_ended, held))
    if not site.is_quick:
        assert closed > len(held) * 0.9, closed
    return f"{len(held)} silent: /healthz 200; {closed} closed after {site.scale(15, 0)} s"


def send_bodies_of_nobody(site: AttackSite) -> str:
    """F3: unsigned bodies of 7.9 MB, held before the last byte."""
    head = f"POST {UPLOAD_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 7900000\r\n\r\n".encode()

    def send(number: int) -> list[str]:
        with site.connect(f"127.0.3.{number % 8 + 1}") as connection:
            with suppress(OSError):
                connection.sendall(head + b"a" * 7_899_999)
            return list_statuses(receive_all(connection))

    with ThreadPoolExecutor(site.scale(64, 8)) as pool:
        statuses = list(pool.map(send, range(site.scale(300, 16))))
    assert all(answer in (["401"], []) for answer in statuses), statuses
    return f"{len(statuses)}: 401 at once, {statuses.count(['401'])} clients saw it"


def burst_sign_ins(site: AttackSite) -> str:
    """F4: sign-ins in a burst. The site locks nobody, so that this is the time and memory of hashing."""
    count = site.scale(400, 20)

    def sign_in(number: int) -> int:
        client = ConsoleClient(server=site.server, source=f"127.0.3.{number % 8 + 1}")
        return client.sign_in(f"nobody{number}", "wrong").status

    with ThreadPoolExecutor(32) as pool:
        statuses = set(pool.map(sign_in, range(count)))
    assert statuses <= {401, 429, 503}, statuses
    return f"{count}: {', '.join(map(str, sorted(statuses)))}"


def ingest_blanks(site: AttackSite) -> str:
    """F8, F9: blanks in names of callers and paths of recordings."""
    slowest = 0.0
    for size in (2_500, 1_000_000):
        blanks = " " * size
        for parse in (
            partial(parse_caller_name, blanks),
            partial(parse_caller_name, f'"{blanks}<'),
            partial(list_named_files, {APP_LOG_RECORD: f"/p{blanks}x"}),
            partial(parse_xml_variables, f"<cdr><variables><a>{blanks}".encode()),
        ):
            began = time.monotonic()
            with suppress(ValueError):
                parse()
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < LINEAR_SECONDS, slowest
    return f"1 MB of blanks within {slowest * 1000:.0f} ms"


def ask_for_former_errors(site: AttackSite) -> str:
    """F21, F25: addresses that answered 500; the guard of /docs."""
    account = f"account={site.tenant.ak}/acme-account"
    for query in ("from=garbage&path=x", "from=garbage&self=x", "from=9999-12-31T23:59:59&to=9999-12-31T23:59:59"):
        for page in ("/console/calls", "/console/calls/csv"):
            assert site.console.get(f"{page}?{account}&{query}").status in (200, 303, 400)
    assert site.console.post("/console/users/revoke", grant="9" * 5_000).status < 500
    docs = send_request(site.server, "GET", "/docs")
    assert docs.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    return "no 500; /docs has CSP and frame guard"


def read_nothing(site: AttackSite) -> str:
    """F16: clients that read nothing of a large recording."""
    path = f"{BASE_PATH}downloadRecordFile"
    body = site.client.build_body({"fileName": site.tenant.large_recording.file_name})
    lines = "".join(f"{name}: {value}\r\n" for name, value in site.client.sign_headers(path, body).items())
    with ExitStack() as stack:
        held = []
        for number in range(site.scale(300, 20)):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.bind((f"127.0.3.{number % 8 + 1}", 0))
            connection.connect(("127.0.0.1", site.server.port))
            connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
            held.append(connection)
        time.sleep(site.scale(70, 1))
        line = next(
            line
            for line in send_request(site.server, "GET", "/metrics").body.decode().splitlines()
            if line.startswith("ccfs_connections ")
        )
        left = int(float(line.split()[1]))
    if not site.is_quick:
        assert left < 20, left
    return f"{len(held)} stalled: {left} connections left after {site.scale(70, 1)} s"


KNOWN = (
    KnownAttack(number="F1", name="one Range of blanks", before="100 KB: 14 s for everybody", run=send_range_of_blanks),
    KnownAttack(
        number="F2", name="1,100 silent connections", before="node out, none closed after 175 s", run=stay_silent
    ),
    KnownAttack(number="F3", name="300 unsigned bodies", before="+2,420 MB", run=send_bodies_of_nobody),
    KnownAttack(
        number="F4", name="400 sign-ins at once", before="321 hashed, 2.5 GB, others up to 9 s", run=burst_sign_ins
    ),
    KnownAttack(
        number="F4",
        name="the lock under a burst",
        before="321 of 400 attempts passed a limit of 10",
        tests=("tests/console/login/test_attempts.py",),
    ),
    KnownAttack(
        number="F6, F18",
        name="flipped bits and lost files",
        before="served as good; never restored",
        tests=("tests/web/test_damaged_files.py", "tests/ingest/test_lost_recordings.py"),
    ),
    KnownAttack(number="F8, F9", name="blanks in CDRs", before="2,500: 29 s; 195 KB: > 30 s", run=ingest_blanks),
    KnownAttack(
        number="F10",
        name="rings of originators",
        before="2,000: 10 s; 4,000: > 30 s",
        tests=("tests/switches/freeswitch/test_join_growth.py", "tests/switches/asterisk/test_join_growth.py"),
    ),
    KnownAttack(
        number="F5",
        name="a clock far ahead, with retention",
        before="0 of 90 recordings left after 25 s",
        tests=("tests/server/test_wrong_clocks.py", "tests/workers/maintenance/test_retention_clocks.py"),
    ),
    KnownAttack(
        number="F7",
        name="a damaged database",
        before="60 of 60 calls 0390005, /readyz 200, nothing logged",
        tests=("tests/server/test_database_damage.py",),
    ),
    KnownAttack(
        number="F11",
        name="deadlines of a clock that was ahead",
        before="a lock for 365 days, a callback a day late",
        tests=("tests/db/system/test_impossible_times.py",),
    ),
    KnownAttack(
        number="F15",
        name="bytes of uploads without a row",
        before="41 kills: 21 left for ever",
        tests=("tests/server/test_upload_orphans.py",),
    ),
    KnownAttack(
        number="F20",
        name="more waiting threads than connections",
        before="2 of 80 writers failed after 30 s",
        tests=("tests/db/test_write_ahead_log.py",),
    ),
    KnownAttack(
        number="F12, F17",
        name="other spellings of paths",
        before="/%6detrics: 200 through HAProxy",
        tests=("tests/http_server/test_paths.py",),
    ),
    KnownAttack(
        number="F13, F14",
        name="a stolen session",
        before="factor replaced; 150 passwords guessed",
        tests=("tests/console/login/test_attempts.py",),
    ),
    KnownAttack(number="F16", name="300 stalled readers", before="+600 MB, none dropped", run=read_nothing),
    KnownAttack(
        number="F19",
        name="small zips of much work",
        before="95 KB: > 170 s",
        tests=("tests/ingest/test_hostile_files.py",),
    ),
    KnownAttack(
        number="F23",
        name="bad signatures while nothing can be written",
        before="12 bad ones, then not locked",
        tests=("tests/web/test_recent_failures.py",),
    ),
    KnownAttack(
        number="F21, F25", name="addresses that answered 500; /docs", before="500; no CSP", run=ask_for_former_errors
    ),
)
_LONG = (send_bodies_of_nobody,)
ATTACKS = tuple(
    Attack(name=known.name, run=known.run, is_short=known.run not in _LONG) for known in KNOWN if known.run is not None
)

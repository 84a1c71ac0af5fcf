"""Nothing accumulates: descriptors, threads, folders and temporary files before and after storms, and at their limits."""

import base64
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ccfs.server.app import BLOCKING_THREADS
from tests.api.api_client import ApiClient, create_client, send_request
from tests.http_server.test_processes import list_children
from tests.server.ccfs_server import CcfsServer, run_server
from tests.server.process_counts import (
    count_descriptors,
    count_threads,
    get_cpu_seconds,
    list_special_files,
    list_temporary_names,
)
from tests.server.test_drain import FILE_NAME, build_file_request, build_zip_request
from tests.two_tenants import Tenant, add_recording, create_two_tenants, make_a_law_wav
from tests.waiting import wait_until

LARGE_BYTES = 20 << 20
OTHER_THREADS = 40  # of libraries, of pools of known sizes, and of the process itself
SLOW_DOWNLOADS = 1000
FEW_DESCRIPTORS = 400
LOW_LIMIT_PROGRAM = (
    f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW_DESCRIPTORS}, {FEW_DESCRIPTORS})); "
    "from ccfs.cli import main; main()"
)
HEALTH_REQUEST = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "callBackURL": "http://127.0.0.1:9/"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server that takes many connections."""
    options = {"http_max_connections": 1500, "lock_failures": 0, "app_concurrent_downloads": 0}
    with run_server(tmp_path_factory.mktemp("leaks"), **options) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="module")
def member(server: CcfsServer) -> Tenant:
    """An app with a large recording, and a call with two of them."""
    acme = create_two_tenants(server.node).acme
    blob = add_recording(server.node, acme.app, bytes(LARGE_BYTES), FILE_NAME, "Y:/4/0", call_id="1602728619-900").blob
    add_recording(server.node, acme.app, blob, FILE_NAME + "-again", "Y:/4/1", call_id="1602728619-900")
    return acme


def connect(server: CcfsServer, number: int) -> socket.socket:
    """Return a connection from one of many addresses, with a small buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.bind((f"127.0.7.{1 + number % 200}", 0))
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    return connection


def storm(server: CcfsServer, member: Tenant) -> None:
    """Do everything that needs descriptors and temporary files, and break off half of it."""
    client = create_client(server, member)
    audio = base64.b64encode(make_a_law_wav(9, 20)).decode()
    body = client.build_body({"data": audio})
    target = f"/CCFS/resource/ccfs/ivr/uploadFile?vdnId={member.vdn}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in client.sign_headers(target, body).items())
    upload = f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def act(number: int) -> None:
        requests = [
            build_file_request(server, member),
            build_zip_request(server, member),
            upload[:-100],
            upload,
            b"GET /hea",
        ]
        with connect(server, number) as connection:
            connection.sendall(requests[number % len(requests)])
            if number % len(requests) != 4 and number % len(requests) != 2:
                connection.recv(4096)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, range(200)))
    for operation in ("queryBillData", "queryAgentOprInfoData"):
        assert client.request(operation, DAY).result_code == "0"
    assert client.request("ivr/uploadFile?vdnId=1", {"data": "nonsense"}).result_code != "0"


def test_storms_leave_no_descriptor_thread_or_file(server: CcfsServer, member: Tenant) -> None:
    [web] = list_children(server.process.pid)
    names, pids = list_temporary_names(), (server.process.pid, web)
    storm(server, member)  # opens what stays open: database connections, threads of pools
    storm(server, member)
    wait_until(lambda: get_connections(server) <= 1)
    before = [(count_descriptors(pid), count_threads(pid)) for pid in pids]
    storm(server, member)
    storm(server, member)
    wait_until(lambda: get_connections(server) <= 1)
    wait_until(lambda: all(count_descriptors(pid) <= old + 8 for pid, (old, _) in zip(pids, before, strict=True)))
    after = [(count_descriptors(pid), count_threads(pid)) for pid in pids]
    assert all(new <= old + 8 for (_, old), (_, new) in zip(before, after, strict=True)), (before, after)
    folder = server.node.settings.data
    assert list_special_files(folder) == []
    wait_until(lambda: list((folder / "files" / ".tmp").glob("*")) == [])
    assert list_temporary_names() <= names


def get_connections(server: CcfsServer) -> float:
    """Return how many connections the server has, by its own count, which is a second old at most."""
    text = send_request(server, "GET", "/metrics").body.decode()
    return float(next(line for line in text.splitlines() if line.startswith("ccfs_connections ")).split()[1])


def test_a_thousand_slow_downloads_need_no_thread_each_and_stop_nobody(server: CcfsServer, member: Tenant) -> None:
    [web] = list_children(server.process.pid)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, SLOW_DOWNLOADS + 1000)), hard))
    request, client = build_file_request(server, member), create_client(server, member)
    before = count_descriptors(web)
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server, number)) for number in range(SLOW_DOWNLOADS)]
        for connection in slow:
            connection.sendall(request)
        for connection in slow:
            assert f"content-length: {LARGE_BYTES}\r\n".encode() in connection.recv(2048)
        assert count_threads(web) <= BLOCKING_THREADS + OTHER_THREADS
        times = [measure(client, member) for _ in range(30)]
        assert sorted(times)[15] < 2  # seconds, on a busy machine
        wait_until(lambda: get_connections(server) >= SLOW_DOWNLOADS)  # counted once a second
        assert count_descriptors(web) <= before + 3 * SLOW_DOWNLOADS + 20
    wait_until(lambda: count_descriptors(web) <= before + 20)


def measure(client: ApiClient, member: Tenant) -> float:
    """Return how long an honest download takes."""
    began = time.monotonic()
    name = member.only_recording.file_name
    assert client.request("downloadRecordFile", {"fileName": name}).body == member.audio_by_name[name]
    return time.monotonic() - began


def test_a_server_that_runs_out_of_descriptors_goes_on_and_recovers(tmp_path: Path) -> None:
    with run_server(tmp_path, lock_failures=0) as server:
        member = create_two_tenants(server.node).acme
        client = create_client(server, member)
        [measure(client, member) for _ in range(3)]  # opens what stays open
        [web] = list_children(server.process.pid)
        old = resource.prlimit(web, resource.RLIMIT_NOFILE)
        resource.prlimit(web, resource.RLIMIT_NOFILE, (count_descriptors(web) + 10, old[1]))
        with ExitStack() as stack:
            for number in range(60):
                stack.enter_context(connect(server, number))
            server.wait_for_log_line("descriptors_exhausted")
            began = get_cpu_seconds(web), time.monotonic()
            time.sleep(2)
            assert get_cpu_seconds(web) - began[0] < 0.5 * (time.monotonic() - began[1])
            assert [send_request(server, "GET", "/healthz").status for _ in range(10)] == [200] * 10
            for number in range(60):
                stack.enter_context(connect(server, number))
            assert len(server.read_log_lines("descriptors_exhausted")) == 1
        resource.prlimit(web, resource.RLIMIT_NOFILE, old)
        assert max(measure(client, member) for _ in range(20)) < 30
        assert list_children(server.process.pid) == [web]


def test_a_file_that_needs_one_more_descriptor_than_there_is_names_the_cause(tmp_path: Path) -> None:
    with run_server(tmp_path, lock_failures=0) as server, server.connect() as kept, server.connect() as connection:
        member = create_two_tenants(server.node).acme
        client = create_client(server, member)
        measure(client, member)
        send_on(kept, HEALTH_REQUEST, b"ok")
        send_on(connection, HEALTH_REQUEST, b"ok")
        [web] = list_children(server.process.pid)
        old = resource.prlimit(web, resource.RLIMIT_NOFILE)
        resource.prlimit(web, resource.RLIMIT_NOFILE, (3, old[1]))
        send_on(connection, build_file_request(server, member, member.only_recording.file_name), b"0390005")
        assert server.wait_for_log_line("read_failed", cause="descriptors", location="0")
        send_on(kept, HEALTH_REQUEST, b"ok")  # who is connected is served
        resource.prlimit(web, resource.RLIMIT_NOFILE, old)
        measure(client, member)
        assert "Traceback" not in server.read_log()


def send_on(connection: socket.socket, request: bytes, expected: bytes) -> None:
    """Send a request on an open connection, and expect these bytes in the response."""
    connection.sendall(request)
    received = b""
    while expected not in received:
        piece = connection.recv(1 << 12)
        assert piece, received
        received += piece


def test_few_descriptors_mean_fewer_connections_and_no_failures(tmp_path: Path) -> None:
    with run_server(tmp_path, program=LOW_LIMIT_PROGRAM, lock_failures=0) as server:
        line = server.wait_for_log_line("connections_limited", configured=1024)
        assert line["connections"] == (FEW_DESCRIPTORS - 256) // 3
        member = create_two_tenants(server.node).acme
        add_recording(server.node, member.app, bytes(LARGE_BYTES), FILE_NAME, "Y:/4/0", call_id="1602728619-900")
        request = build_file_request(server, member)
        with ExitStack() as stack:
            for number in range(300):
                connection = stack.enter_context(connect(server, number))
                connection.sendall(request if number < 20 else b"GET /")  # more downloads than fit would get 503
            client = create_client(server, member)
            for _ in range(20):
                measure(client, member)
        assert server.read_log_lines("descriptors_exhausted") == []
        assert server.read_log_lines("request_failed") == []

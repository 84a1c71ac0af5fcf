"""A server at its limit of descriptors says so, goes on serving, and recovers."""

import socket
from contextlib import ExitStack
from pathlib import Path

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, send_request
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import add_app, add_recording, make_a_law_wav
from tests.waiting import wait_until

LIMIT = 160
PROGRAM = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
from ccfs.cli import main
main()
"""
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
SK = "the-secret-of-descriptors-000000"


def is_healthy(connection: socket.socket) -> bool:
    """Return whether a connection gets a response."""
    connection.sendall(HEALTH)
    return connection.recv(1 << 12).startswith(b"HTTP/1.1 200")


def test_a_server_at_its_limit_of_descriptors_goes_on_and_recovers(tmp_path: Path) -> None:
    with run_server(tmp_path, PROGRAM, lock_failures=0) as server, ExitStack() as stack:
        app = add_app(server.node, "limited", SK, 5)
        client = ApiClient(server=server, ak=app.ak, sk=SK)
        name = f"/0/1/record/{app.ak}/limited-account/20201015/1/1.V3"
        audio = make_a_law_wav(7, 400)
        add_recording(server.node, app, audio, name, "Y:/5/0/20201015/1/1.V3")
        assert client.request("downloadRecordFile", {"fileName": name}).body == audio
        first = stack.enter_context(server.connect(10))
        assert is_healthy(first)
        idle = [stack.enter_context(server.connect(10)) for _ in range(LIMIT)]
        wait_until(lambda: count_descriptors(server) >= LIMIT - 10, 20)
        for _ in range(5):
            assert is_healthy(first)  # who is connected is served
        assert b"0390005" in request_file(client, first, name)
        assert server.wait_for_log_line("read_failed", cause="descriptors", location="0")
        for connection in idle:
            connection.close()
        wait_until(lambda: count_descriptors(server) < LIMIT // 2, 30)
        assert send_request(server, "GET", "/healthz").status == 200
        assert client.request("downloadRecordFile", {"fileName": name}).body == audio
        assert "Traceback" not in server.read_log()


def request_file(client: ApiClient, connection: socket.socket, name: str) -> bytes:
    """Return what a connection receives first for a request of a file that needs one more descriptor."""
    path, body = BASE_PATH + "downloadRecordFile", client.build_body({"fileName": name})
    lines = "".join(f"{key}: {value}\r\n" for key, value in client.sign_headers(path, body).items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return connection.recv(1 << 12)


def count_descriptors(server: CcfsServer) -> int:
    """Return the most descriptors of a process of the server."""
    main = server.process.pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return max(len(list(Path(f"/proc/{process}/fd").iterdir())) for process in (main, *children))

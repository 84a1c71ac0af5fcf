"""ccfs call: signed requests, JSON on stdout, complete files or none, exit codes."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.command import ROOT, CommandResult, run_ccfs
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import Tenant, TwoTenants, create_two_tenants


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    with run_server(tmp_path_factory.mktemp("call"), lock_failures=0) as ccfs_server:
        yield ccfs_server


@pytest.fixture(scope="module")
def tenant_pair(server: CcfsServer) -> TwoTenants:
    return create_two_tenants(server.node)


@pytest.fixture(scope="module")
def tenant(tenant_pair: TwoTenants) -> Tenant:
    return tenant_pair.acme


def run_call(
    server: CcfsServer, member: Tenant, operation: str, body: object = None, *arguments: object, sk: str = ""
) -> CommandResult:
    """Call an operation as that app."""
    text = body if isinstance(body, str) else json.dumps(body or {})
    where = ("--url", f"http://{server.host}", "--ak", member.ak, "--sk", sk or member.sk)
    return run_ccfs("call", operation, text, *where, *arguments)


def test_a_file_is_saved_as_the_output_option_names_it(server: CcfsServer, tenant: Tenant, tmp_path: Path) -> None:
    body = {"fileName": tenant.large_recording.original_file_name}
    done = run_call(server, tenant, "downloadRecord", body, "-o", tmp_path / "call.wav")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "call.wav").read_bytes() == tenant.audio_by_name[tenant.large_recording.file_name]
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]


def test_a_pipe_that_the_output_option_names_is_written_to(server: CcfsServer, tenant: Tenant, tmp_path: Path) -> None:
    """It is not replaced: with /dev/null, that would harm the machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(pipe.read_bytes)
        body = {"fileName": tenant.only_recording.original_file_name}
        assert run_call(server, tenant, "downloadRecord", body, "-o", pipe).code == 0
        assert received.result(timeout=60) == tenant.audio_by_name[tenant.only_recording.file_name]
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_json_goes_to_stdout_and_the_token_in_it_plays(server: CcfsServer, tenant: Tenant, tmp_path: Path) -> None:
    token = run_call(server, tenant, "requestPlayVoice", {"fileName": tenant.only_recording.original_file_name}).json[
        "resultData"
    ]["token"]
    played = run_call(server, tenant, f"playVoice?t=1&version=2.0&st={token}", None, "-o", tmp_path / "call.wav")
    assert played.code == 0, played.err
    assert (tmp_path / "call.wav").read_bytes() == tenant.audio_by_name[tenant.only_recording.file_name]


def test_a_failed_call_prints_the_error_and_leaves_no_file(server: CcfsServer, tenant: Tenant, tmp_path: Path) -> None:
    for operation, body in (
        ("downloadRecord", {"fileName": "Y:/4/0/20201015/512/9999999.V3"}),
        ("playVoice?t=1&version=2.0&st=00", None),
    ):
        done = run_call(server, tenant, operation, body, "-o", tmp_path / "call.wav")
        assert done.code == 1
        assert json.loads(done.out)["resultCode"] not in ("0", "")
        assert list(tmp_path.iterdir()) == []


def test_a_call_with_a_wrong_secret_fails(server: CcfsServer, tenant: Tenant) -> None:
    done = run_call(
        server, tenant, "requestPlayVoice", {"fileName": tenant.only_recording.original_file_name}, sk="another"
    )
    assert (done.code, json.loads(done.out)["status"]) == (1, 401)


def test_a_whole_body_can_be_read_from_a_file(server: CcfsServer, tenant: Tenant, tmp_path: Path) -> None:
    whole = {"request": {"version": "2.0"}, "msgBody": {"fileName": tenant.only_recording.original_file_name}}
    (tmp_path / "body.json").write_text(json.dumps(whole), encoding="utf-8")
    assert run_call(server, tenant, "requestPlayVoice", f"@{tmp_path / 'body.json'}").json["resultCode"] == "0"


def test_the_body_and_the_response_can_be_piped(server: CcfsServer, tenant: Tenant) -> None:
    where = ["--url", f"http://{server.host}", "--ak", tenant.ak, "--sk", tenant.sk]
    program = [
        sys.executable,
        "-c",
        "from ccfs.cli import main; main()",
        "call",
        "downloadRecord",
        "-",
        *where,
        "-o",
        "-",
    ]
    body = json.dumps({"callId": tenant.only_recording.call_id}).encode()
    done = subprocess.run(program, input=body, capture_output=True, env={"PYTHONPATH": str(ROOT / "src")}, check=True)
    assert done.stdout == tenant.audio_by_name[tenant.only_recording.file_name]


@pytest.mark.parametrize("body", ["{", "[]", "1", '"text"', ""])
def test_a_body_that_is_not_a_json_object_is_wrong_usage(body: str, server: CcfsServer, tenant: Tenant) -> None:
    done = run_call(server, tenant, "downloadRecord", body)
    assert (done.code, done.out) == (2, "")
    assert "the body is not" in done.err


@pytest.mark.parametrize("given", [("--ak", "A"), ("--sk", "S"), ()])
def test_a_call_without_both_keys_is_wrong_usage(given: tuple[str, ...]) -> None:
    assert run_ccfs("call", "downloadRecord", "{}", *given).code == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "ftp://127.0.0.1"])
def test_an_unreachable_server_is_reported_in_one_line(url: str) -> None:
    done = run_ccfs("call", "downloadRecord", "{}", "--url", url, "--ak", "A", "--sk", "S")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert url in done.err


def test_a_body_file_that_does_not_exist_is_a_failure(tmp_path: Path) -> None:
    done = run_ccfs("call", "downloadRecord", f"@{tmp_path / 'none'}", "--ak", "A", "--sk", "S")
    assert done.code == 1
    assert "none" in done.err


def test_an_aborted_download_leaves_no_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_send_half_response, args=[listener])
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = run_ccfs(
            "call", "downloadRecord", "{}", "--url", url, "--ak", "A", "--sk", "S", "-o", tmp_path / "call.wav"
        )
        thread.join()
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []


def _send_half_response(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: 1000\r\n\r\nRIFF")

"""TLS: HTTP/1.1 only, at least TLS 1.2, certificates that change, clients that do not finish the handshake."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ccfs.http_server.processes.tls import CertificateReloader, TlsFiles, build_context
from tests.certificates import Identity, create_identity
from tests.http_server.hostile_clients import wait_for_end
from tests.ports import get_free_port
from tests.waiting import wait_until

PROGRAM = "from ccfs.cli import main; main()"


def write_pair(folder: Path, identity: Identity) -> TlsFiles:
    """Write a certificate and its key."""
    certificate, key = folder / "chain.pem", folder / "key.pem"
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(identity.pem)
    return TlsFiles(certificate=str(certificate), key=str(key))


@contextmanager
def connect_tls(port: int, context: ssl.SSLContext | None = None) -> Iterator[ssl.SSLSocket]:
    """Connect without verifying the certificate."""
    if context is None:
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), 30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure


@pytest.fixture(scope="module")
def tls_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that speaks TLS, with short time-outs."""
    folder, port = tmp_path_factory.mktemp("tls"), get_free_port()
    files = write_pair(folder, create_identity("127.0.0.1"))
    command = [sys.executable, "-c", PROGRAM, "serve", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]
    command += ["--tls-cert", files.certificate, "--tls-key", files.key]
    environment = {
        "CCFS_HTTP_FIRST_BYTE_SECONDS": "0.5",
        "CCFS_HTTP_HEAD_SECONDS": "0.5",
        "PYTHONPATH": ":".join(sys.path),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None)
        yield port
    finally:
        process.terminate()
        assert process.wait(30) == 0


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_request_over_tls_is_served_by_http_1_1(tls_port: int) -> None:
    with connect_tls(tls_port) as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"
        secure.sendall(b"GET /docs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        received, _ = wait_for_end(secure)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.rstrip().endswith(b"</html>")


@pytest.mark.parametrize("protocols", [["http/1.0"], []])
def test_a_client_that_offers_no_known_protocol_is_served(tls_port: int, protocols: list[str]) -> None:
    context = ssl._create_unverified_context()
    if protocols:
        context.set_alpn_protocols(protocols)
    with connect_tls(tls_port, context) as secure:
        secure.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert wait_for_end(secure)[0].endswith(b'{"status":"ok"}')


def test_tls_1_1_is_refused(tls_port: int) -> None:
    context = ssl._create_unverified_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect_tls(tls_port, context) as secure:
        assert secure.version() == "TLSv1.2"
    assert is_tls_1_1_refused(tls_port)


def is_tls_1_1_refused(port: int) -> bool:
    """Return whether a TLS 1.1 hello is answered by an alert or the end, and by no hello."""
    hello = (
        bytes.fromhex("1603010031010000 2d0302".replace(" ", ""))
        + bytes(32)
        + bytes.fromhex("000006c014c0130035 0100".replace(" ", ""))
    )
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        plain.sendall(hello)
        received, _ = wait_for_end(plain)
    return not received.startswith(b"\x16")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_handshake_that_stops_ends_the_connection(tls_port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", tls_port), 30) as slow:
        slow.sendall(sent)
        _, seconds = wait_for_end(slow)
    assert seconds < 8


def test_plain_http_on_the_tls_port_ends_the_connection(tls_port: int) -> None:
    with socket.create_connection(("127.0.0.1", tls_port), 30) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not wait_for_end(plain)[0].startswith(b"HTTP/1.1 200")


def test_a_certificate_is_loaded_again_when_it_changes(tmp_path: Path) -> None:
    files = write_pair(tmp_path, create_identity("127.0.0.1"))
    context = build_context(files)
    reloader = CertificateReloader(context, files)
    assert not reloader.reload_if_changed()
    first = serve_handshake(context)
    time.sleep(0.01)
    write_pair(tmp_path, create_identity("127.0.0.1"))
    assert reloader.reload_if_changed()
    assert serve_handshake(context) != first


def test_a_certificate_without_its_key_is_not_loaded(tmp_path: Path) -> None:
    files = write_pair(tmp_path, create_identity("127.0.0.1"))
    context = build_context(files)
    reloader, first = CertificateReloader(context, files), serve_handshake(context)
    Path(files.certificate).write_bytes(create_identity("127.0.0.1").pem)
    assert not reloader.reload_if_changed()
    assert serve_handshake(context) == first
    write_pair(tmp_path, create_identity("127.0.0.1"))
    assert reloader.reload_if_changed()


def serve_handshake(context: ssl.SSLContext) -> bytes:
    """Return the certificate that a client of the context sees."""
    client_context = ssl._create_unverified_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    client = client_context.wrap_bio(outgoing, incoming, server_hostname="127.0.0.1")
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate = client.getpeercert(binary_form=True)
    assert certificate
    return certificate

"""Mail over TLS: the server's certificate and name are verified, and no password is sent without encryption."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ccfs import settings
from ccfs.model.calls.reports.report import ReportFormat
from ccfs.model.errors import OperatorError
from ccfs.workers.reports.mail import MailFailed, MailServer, build_message
from tests.certificates import DAY, Identity, create_identity
from tests.ports import get_free_port

AUTHORITY = create_identity("Test authority", is_authority=True)
OTHER_AUTHORITY = create_identity("Another authority", is_authority=True)
GOOD = create_identity("127.0.0.1", issuer=AUTHORITY)
WRONG_NAME = create_identity("mail.example.com", issuer=AUTHORITY)
EXPIRED = create_identity("127.0.0.1", issuer=AUTHORITY, ends=-DAY)
FOREIGN = create_identity("127.0.0.1", issuer=OTHER_AUTHORITY)
PASSWORD = "mail password"
MESSAGE = build_message("ccfs@example.com", ("ann@example.com",), "Report", "report", ReportFormat.CSV, b"1,2\r\n")


class Inbox:
    """What a mail server received: messages, passwords, and every command line."""

    def __init__(self, *, accepts_password: bool = True) -> None:
        self.accepts_password = accepts_password
        self.messages, self.passwords = list[bytes](), list[bytes]()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.messages.append(envelope.content)
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.passwords.append(data.password)
        return AuthResult(success=self.accepts_password, handled=False)


class TlsController(Controller):
    """An SMTP server that expects TLS from the beginning. Its base class connects to it with a server's context, which fails."""

    def _trigger_server(self) -> None:
        """Connect once, as the start of the base class waits for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.hostname, self.port), 10) as plain, context.wrap_socket(plain) as encrypted:
            encrypted.recv(1024)


@contextmanager
def run_mail_server(inbox: Inbox, identity: Identity | None, tls: str) -> Iterator[MailServer]:
    """Run a server with a certificate: of "tls" from the beginning, of "starttls" on request; without one it offers none."""
    port, context = get_free_port(), identity.build_tls_context() if identity else None
    options: dict[str, Any] = {"hostname": "127.0.0.1", "port": port, "authenticator": inbox.authenticate}
    if tls == "tls" and context:
        controller: Controller = TlsController(inbox, ssl_context=context, auth_require_tls=False, **options)
    else:
        controller = Controller(inbox, tls_context=context, auth_require_tls=context is not None, **options)
    controller.start()
    yield MailServer(host="127.0.0.1", port=port, tls=tls, user="ccfs", password=PASSWORD, sender="ccfs@example.com")
    controller.stop()


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    """The file of the authority."""
    file = tmp_path / "ca.pem"
    file.write_bytes(AUTHORITY.pem)
    return str(file)


def with_ca(server: MailServer, ca_file: str, **more: Any) -> MailServer:
    values = {name: getattr(server, name) for name in ("host", "port", "tls", "user", "password", "sender")}
    return MailServer(**values | {"ca_file": ca_file} | more)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_is_sent_over_tls_to_a_server_of_our_own_authority(ca_file: str, tls: str) -> None:
    inbox = Inbox()
    with run_mail_server(inbox, GOOD, tls) as server:
        assert with_ca(server, ca_file).send(MESSAGE) == []
    assert inbox.passwords == [PASSWORD.encode()]
    assert b"Subject: Report" in inbox.messages[0]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("identity", "remedy"),
    [
        (WRONG_NAME, "certificate is for another name: set CCFS_SMTP_HOST"),
        (EXPIRED, "certificate has expired: renew it"),
        (FOREIGN, "unknown authority: set CCFS_SMTP_CA_FILE"),
    ],
)
def test_a_certificate_that_does_not_fit_gets_no_password(
    ca_file: str, tls: str, identity: Identity, remedy: str
) -> None:
    inbox = Inbox()
    with run_mail_server(inbox, identity, tls) as server, pytest.raises(MailFailed) as caught:
        with_ca(server, ca_file).send(MESSAGE)
    assert remedy in str(caught.value)
    assert f"SMTP server 127.0.0.1:{server.port}" in str(caught.value)
    assert (inbox.passwords, inbox.messages) == ([], [])


def test_a_private_authority_is_unknown_without_its_file() -> None:
    inbox = Inbox()
    with run_mail_server(inbox, GOOD, "starttls") as server, pytest.raises(MailFailed, match="CCFS_SMTP_CA_FILE"):
        server.send(MESSAGE)
    assert inbox.passwords == []


@pytest.mark.parametrize(
    ("offered", "used", "remedy"),
    [
        (None, "starttls", "does not offer STARTTLS, so no password was sent"),
        (None, "tls", "set CCFS_SMTP_TLS=starttls"),
        (GOOD, "tls", "set CCFS_SMTP_TLS=starttls"),
    ],
)
def test_a_server_that_speaks_another_tls_gets_no_password(
    ca_file: str, offered: Identity | None, used: str, remedy: str
) -> None:
    inbox = Inbox()
    with run_mail_server(inbox, offered, "starttls") as server, pytest.raises(MailFailed) as caught:
        with_ca(server, ca_file, tls=used).send(MESSAGE)
    assert remedy in str(caught.value)
    assert (inbox.passwords, inbox.messages) == ([], [])


def test_a_rejected_password_and_an_unreachable_server_name_their_settings(ca_file: str) -> None:
    inbox = Inbox(accepts_password=False)
    with run_mail_server(inbox, GOOD, "starttls") as server, pytest.raises(MailFailed) as caught:
        with_ca(server, ca_file).send(MESSAGE)
    assert "correct CCFS_SMTP_USER and CCFS_SMTP_PASSWORD" in str(caught.value)
    assert PASSWORD not in str(caught.value) + repr(server)
    with pytest.raises(MailFailed, match="check CCFS_SMTP_HOST, CCFS_SMTP_PORT"):
        with_ca(server, ca_file).send(MESSAGE)  # it has stopped
    Path(ca_file).write_text("no certificate")
    with pytest.raises(MailFailed, match="CCFS_SMTP_CA_FILE"):
        with_ca(server, ca_file, tls="tls").send(MESSAGE)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"CCFS_SMTP_TLS": "none", "CCFS_SMTP_USER": "ccfs", "CCFS_SMTP_HOST": "mail.example.com"}, "unencrypted"),
        ({"CCFS_SMTP_CA_FILE": "/nowhere/ca.pem"}, "file not found"),
    ],
)
def test_settings_that_would_send_a_password_in_the_clear_are_rejected(values: dict[str, str], problem: str) -> None:
    with pytest.raises(OperatorError, match=problem):
        settings.load_settings(values)
    assert settings.load_settings(values | {"CCFS_SMTP_HOST": "localhost", "CCFS_SMTP_CA_FILE": ""}).smtp_host

"""Sending a report by SMTP, and writing it into a folder."""

import os
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from ccfs.model.calls.reports.report import ReportFormat
from ccfs.workers.reports.mail_errors import explain_mail_error

TIMEOUT_SECONDS = 30.0  # of each step of a connection


class MailNotConfigured(Exception):
    """No SMTP server is set."""


class MailFailed(Exception):
    """The SMTP server could not be used; the message says why, and what to mend. No password was sent without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The SMTP server that reports are sent through."""

    host: str  # empty: none
    port: int
    tls: str  # "none", "starttls" or "tls"
    user: str
    password: str = field(repr=False)
    sender: str
    ca_file: str = ""  # PEM file of the authorities that its certificate may be from; "": the machine's

    def send(self, message: EmailMessage) -> list[str]:
        """Send a message and return the recipients that the server refused, if it accepted any.

        Raises MailFailed if the server cannot be used, OSError or SMTPException if it does not take the message, and
        MailNotConfigured without a server.
        """
        if not self.host:
            raise MailNotConfigured("CCFS_SMTP_HOST is not set")
        with self._open() as client:
            return sorted(client.send_message(message))

    def _open(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and logged in as the settings say. Raises MailFailed."""
        try:
            client = self._connect()
            try:
                if self.tls == "starttls":
                    client.starttls(context=self._build_tls_context())
                if self.user:
                    client.login(self.user, self.password)
            except BaseException:
                client.close()
                raise
        except (OSError, smtplib.SMTPException) as error:
            server = f"SMTP server {self.host}:{self.port}"
            raise MailFailed(f"{server}: {explain_mail_error(error, self.tls)}") from error
        return client

    def _connect(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = self._build_tls_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)

    def _build_tls_context(self) -> ssl.SSLContext:
        """Return what verifies certificate and name of the server. Raises OSError for a file that is no PEM."""
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise OSError(f"CCFS_SMTP_CA_FILE {self.ca_file}: {error}") from error


def build_message(
    sender: str, recipients: tuple[str, ...], subject: str, name: str, report_format: ReportFormat, body: bytes
) -> EmailMessage:
    """Return the message of a report: the HTML as its text, or the CSV as a file. The same report has the same id."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(recipients), subject
    message["Message-ID"] = f"<{name}@ccfs>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{subject}\n{name}\n")
    if report_format is ReportFormat.HTML:
        message.add_alternative(body.decode(), subtype="html")
    else:
        message.add_attachment(body, maintype="text", subtype="csv", filename=name)
    return message


def write_report(folder: Path, name: str, body: bytes) -> Path:
    """Write a report into a folder, replacing an earlier one of the same name, and return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path, temporary = folder / name, folder / f".{name}.part"
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path

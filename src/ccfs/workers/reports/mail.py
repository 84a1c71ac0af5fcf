"""Sending a report by SMTP, and writing it into a folder."""

import os
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from ccfs.model.calls.reports.report import ReportFormat

TIMEOUT_SECONDS = 30.0  # of each step of a connection


class MailNotConfigured(Exception):
    """No SMTP server is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The SMTP server that reports are sent through."""

    host: str  # empty: none
    port: int
    tls: str  # "none", "starttls" or "tls"
    user: str
    password: str
    sender: str

    def send(self, message: EmailMessage) -> list[str]:
        """Send a message and return the recipients that the server refused, if it accepted any.

        Raises OSError or SMTPException; MailNotConfigured without a server.
        """
        if not self.host:
            raise MailNotConfigured("CCFS_SMTP_HOST is not set")
        with self._connect() as client:
            if self.user:
                client.login(self.user, self.password)
            return sorted(client.send_message(message))

    def _connect(self) -> smtplib.SMTP:
        if self.tls == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        client = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            if self.tls == "starttls":
                client.starttls(context=ssl.create_default_context())
        except BaseException:
            client.close()
            raise
        return client


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

"""Settings of scheduled reports: the SMTP server that they are sent through."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from ccfs.settings.group import SettingsGroup

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class ReportSettings(SettingsGroup):
    """How scheduled reports are sent."""

    smtp_host: str = Field(
        default="", description="SMTP server for scheduled reports; empty: they can only be written into a folder."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="Encryption of the SMTP connection: starttls, tls or none."
    )
    smtp_ca_file: str = Field(
        default="", description="PEM file of certificate authorities for the SMTP server; empty: the system's."
    )
    smtp_user: str = Field(default="", description="User at the SMTP server; empty: no login.")
    smtp_password: str = Field(default="", repr=False, description="Password of `smtp_user`.")
    smtp_sender: str = Field(default="ccfs@localhost", description="Sender address of scheduled reports.")

    @model_validator(mode="after")
    def _check_mail(self) -> Self:
        """A password leaves the machine only encrypted."""
        if self.smtp_tls == "none" and self.smtp_user and self.smtp_host not in LOOPBACK_HOSTS:
            raise ValueError("CCFS_SMTP_TLS=none would send the password of CCFS_SMTP_USER unencrypted")
        if self.smtp_ca_file and not Path(self.smtp_ca_file).is_file():
            raise ValueError(f"CCFS_SMTP_CA_FILE: file not found: {self.smtp_ca_file}")
        return self

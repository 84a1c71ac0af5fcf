"""Settings of scheduled reports: the SMTP server that they are sent through."""

from typing import Literal

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class ReportSettings(SettingsGroup):
    """How scheduled reports are sent."""

    smtp_host: str = Field(
        default="", description="SMTP server for scheduled reports; empty: they can only be written into a folder."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="Encryption of the SMTP connection: starttls, tls or none."
    )
    smtp_user: str = Field(default="", description="User at the SMTP server; empty: no login.")
    smtp_password: str = Field(default="", repr=False, description="Password of `smtp_user`.")
    smtp_sender: str = Field(default="ccfs@localhost", description="Sender address of scheduled reports.")

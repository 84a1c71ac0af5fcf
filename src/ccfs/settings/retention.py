"""Settings of retention: when calls and recordings are deleted."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class RetentionSettings(SettingsGroup):
    """When calls and recordings are deleted."""

    retention_months: int = Field(
        default=0,
        ge=0,
        le=1200,
        description="Retention of call rows in full months before the current one; 0 keeps them for ever.",
    )
    recording_retention_months: int = Field(
        default=0,
        ge=0,
        le=1200,
        description="Retention of recordings in full months before the current one; 0: as `retention_months`.",
    )

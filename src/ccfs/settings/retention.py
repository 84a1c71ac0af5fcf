"""Settings of retention: when calls and recordings are deleted."""

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """When calls and recordings are deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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

"""Settings of the lock-out, for invalid signatures and for sign-ins to the console."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class LockoutSettings(SettingsGroup):
    """When an address is locked."""

    lock_failures: int = Field(
        default=10,
        ge=0,
        description="Number of invalid signatures or sign-ins within the lock period after which an address is locked; 0: never.",
    )
    lock_period_seconds: int = Field(
        default=60,
        ge=1,
        description="Lock period: the time in which an address's invalid signatures or sign-ins are counted.",
    )
    lock_seconds: int = Field(default=300, ge=1, description="How long an address stays locked.")

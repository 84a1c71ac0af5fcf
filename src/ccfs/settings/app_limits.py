"""Settings of flow control: the limits of apps that have none of their own."""

from pydantic import Field

from ccfs.model.identity.app_limits import LIMIT_NAMES, MAX_LIMIT, AppLimits
from ccfs.settings.group import SettingsGroup


class AppLimitSettings(SettingsGroup):
    """Default limits of an app on one node; 0 means unlimited."""

    app_concurrent_downloads: int = Field(
        default=512,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum number of file requests that a node serves concurrently for an app; further ones receive 0300008. 0: unlimited.",
    )
    app_concurrent_queries: int = Field(
        default=512,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum number of other requests that a node serves concurrently for an app; further ones receive 0300009. 0: unlimited.",
    )
    app_downloads_per_minute: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum number of file requests of an app per minute and node; further ones receive 0300008. 0: unlimited.",
    )
    app_queries_per_minute: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum number of other requests of an app per minute and node; further ones receive 0300009. 0: unlimited.",
    )
    app_bytes_per_second: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum total rate of a node's responses to an app, in bytes per second; 0: unlimited.",
    )
    app_queued_exports: int = Field(
        default=10_000,
        ge=0,
        le=MAX_LIMIT,
        description="Maximum number of exports of an app that are not ready yet, on all nodes; further ones receive 0300009. 0: unlimited.",
    )

    @property
    def default_app_limits(self) -> AppLimits:
        """Return the limits of apps that have none of their own."""
        return AppLimits(**{name: getattr(self, f"app_{name}") for name in LIMIT_NAMES})

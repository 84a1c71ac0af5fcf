"""Settings of flow control: the limits of apps that have none of their own."""

from pydantic import BaseModel, ConfigDict, Field

from ccfs.model.identity.app_limits import MAX_LIMIT


class AppLimitSettings(BaseModel):
    """Default limits of an app on one node; 0 means unlimited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_concurrent_downloads: int = Field(
        default=512,
        ge=0,
        le=MAX_LIMIT,
        description="Requests of an app for files that a node serves concurrently; more get 0300008. 0: unlimited.",
    )
    app_concurrent_queries: int = Field(
        default=512,
        ge=0,
        le=MAX_LIMIT,
        description="Other requests of an app that a node serves concurrently; more get 0300009. 0: unlimited.",
    )
    app_downloads_per_minute: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Requests of an app for files per minute and node; more get 0300008. 0: unlimited.",
    )
    app_queries_per_minute: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Other requests of an app per minute and node; more get 0300009. 0: unlimited.",
    )
    app_bytes_per_second: int = Field(
        default=0,
        ge=0,
        le=MAX_LIMIT,
        description="Rate that all responses of a node to an app share, in bytes per second; 0: unlimited.",
    )
    app_queued_exports: int = Field(
        default=10_000,
        ge=0,
        le=MAX_LIMIT,
        description="Exports of an app that are not ready yet, on all nodes; further queries get 0300009. 0: unlimited.",
    )

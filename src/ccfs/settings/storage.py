"""Settings of storage: the primary location, S3, moving older files, free space."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class StorageSettings(SettingsGroup):
    """Where files are stored."""

    primary_location: str = Field(
        default="",
        pattern=r"^\d{0,9}$",
        description="ID of the location for this node's new files; empty: the disk in `data`.",
    )
    s3_access_key: str = Field(
        default="", repr=False, description="Access key of S3 locations; empty: the standard AWS environment."
    )
    s3_secret_key: str = Field(default="", repr=False, description="Secret key of `s3_access_key`.")
    s3_ca_file: str = Field(
        default="", description="PEM file of certificate authorities for S3 services, in addition to the system's."
    )
    s3_timeout_seconds: float = Field(default=10, gt=0, description="Read timeout of a request to S3.")
    s3_retries: int = Field(
        default=3,
        ge=0,
        description="Maximum retries of a failed S3 request, within twice `s3_timeout_seconds`.",
    )
    s3_cooldown_seconds: float = Field(
        default=5,
        ge=0,
        description="Cooldown after an S3 failure, during which requests fail immediately.",
    )
    tier_to: str = Field(
        default="", pattern=r"^\d{0,9}$", description="ID of the location to which older files are moved; empty: none."
    )
    tier_after_days: int = Field(
        default=30, ge=0, description="Age in days at which files are moved from `primary_location` to `tier_to`."
    )
    move_grace_seconds: float = Field(
        default=600,
        ge=0,
        le=2_592_000,
        description="How long moved files remain at the old location for running downloads; for S3 at least `obs_url_seconds`.",
    )
    min_free_mb: int = Field(
        default=100, ge=0, description="Minimum free disk space of a node in MB; below it, `/readyz` answers 503."
    )

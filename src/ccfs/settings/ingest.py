"""Settings of ingest: waiting for files, and a switch's database."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class IngestSettings(SettingsGroup):
    """How ingest reads what switches leave."""

    recording_wait_seconds: int = Field(
        default=3600, ge=0, description="Time after a call at which an expected recording counts as missing."
    )
    ingest_max_lag_minutes: int = Field(
        default=60,
        ge=0,
        description="Minutes without an ingest pass after which the status page warns; 0: it never does.",
    )
    settle_seconds: float = Field(
        default=2.0, ge=0, description="Time without changes after which a source file counts as complete."
    )
    switch_database_password: str = Field(
        default="",
        repr=False,
        description="Password of the database from which `ccfs ingest` reads tables, unless its URL has one.",
    )
    switch_database_password_file: str = Field(
        default="", description="File whose first line is that password, unless `switch_database_password` is set."
    )
    switch_database_timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="Time limit of a query to the database of a switch."
    )
    watch_seconds: float = Field(default=5.0, gt=0, description="Interval between the passes of `--watch`.")

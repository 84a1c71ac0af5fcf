"""Settings of the node: database, storage, nodes, API, exports, callbacks, retention, ingest, logs."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ccfs.settings.comma_separated import CommaSeparated, NetworkList


class NodeSettings(BaseModel):
    """Settings of the node."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("ccfs-data"), description="Folder of the SQLite database, the disk location and the node key."
    )
    database_url: str = Field(
        default="", repr=False, description="SQLAlchemy URL (sqlite or postgresql); empty: SQLite in `data`."
    )
    database_read_timeout_seconds: float = Field(
        default=10, gt=0, description="Read timeout of PostgreSQL connections; afterwards the client's request fails."
    )
    primary_location: str = Field(
        default="",
        pattern=r"^\d{0,9}$",
        description="Id of the location for this node's new files; empty: the disk in `data`.",
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
        description="Retries of a failed S3 request, within twice `s3_timeout_seconds`.",
    )
    s3_cooldown_seconds: float = Field(
        default=5,
        ge=0,
        description="Cooldown after an S3 failure; requests fail immediately meanwhile.",
    )
    tier_to: str = Field(
        default="", pattern=r"^\d{0,9}$", description="Id of the location to which older files are moved; empty: none."
    )
    tier_after_days: int = Field(
        default=30, ge=0, description="Age in days at which files are moved from `primary_location` to `tier_to`."
    )
    move_grace_seconds: float = Field(
        default=600,
        ge=0,
        description="How long moved files remain at the old location for running downloads; for S3 at least `obs_url_seconds`.",
    )
    node_keys: CommaSeparated = Field(
        default=(),
        repr=False,
        description="Fernet keys that encrypt stored secrets, newest first; empty: the file `node.keys` in `data`.",
    )
    node: str = Field(
        default="",
        pattern=r"^([0-9A-Za-z][0-9A-Za-z._-]{0,63})?$",
        description="Name of this node at its first start, then stored in the file `node.id` in `data`; empty: a random name.",
    )
    node_address: str = Field(
        default="",
        pattern=r"^(https?://[^/?#@\s]+)?$",
        description="URL of this node for other nodes, without a path; empty: the address of `--listen`.",
    )
    node_timeout_seconds: float = Field(
        default=30, ge=1, description="Time without a heartbeat after which a node counts as dead."
    )
    peer_connect_seconds: float = Field(default=2, gt=0, description="Connect timeout of requests to other nodes.")
    peer_read_seconds: float = Field(default=10, gt=0, description="Read timeout of requests to other nodes.")
    peer_cooldown_seconds: float = Field(
        default=5,
        ge=0,
        description="Cooldown after a failure of another node; requests to it fail immediately meanwhile.",
    )
    peer_ca_file: str = Field(
        default="", description="PEM file of certificate authorities for other nodes, in addition to the system's."
    )
    language: Literal["en", "zh"] = Field(default="en", description="Language of resultDesc: en or zh.")
    workers: int = Field(default=1, ge=1, le=64, description="Number of web processes of this node.")
    clock_skew_seconds: int = Field(
        default=900, ge=0, description="Maximum difference between a signature's time and the server's; 0: unlimited."
    )
    lock_failures: int = Field(
        default=10,
        ge=0,
        description="Invalid signatures within the lock period after which an address is locked; 0: never.",
    )
    lock_period_seconds: int = Field(
        default=60, ge=1, description="Lock period: the time in which invalid signatures of an address are counted."
    )
    lock_seconds: int = Field(default=300, ge=1, description="How long an address stays locked.")
    trusted_proxies: NetworkList = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For is trusted, separated by commas or blanks.",
    )
    x_accel: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_-]+)*$",
        description="Internal nginx location that serves files of the disk by X-Accel-Redirect, e.g. /ccfs-files; empty: off.",
    )
    x_accel_s3: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_-]+)*$",
        description="Internal nginx location that serves files of S3 by X-Accel-Redirect, e.g. /ccfs-s3; empty: off.",
    )
    host_aliases: CommaSeparated = Field(
        default=(), description="Additional Host values for signature verification behind a proxy that changes Host."
    )
    upload_limit_mb: int = Field(default=5, ge=1, le=1024, description="Maximum size of an uploaded voice file, in MB.")
    play_token_seconds: int = Field(default=1800, ge=1, description="Lifetime of a play token.")
    obs_url_seconds: int = Field(
        default=28800,
        ge=1,
        le=604_800,
        description="Lifetime of a URL of getRecordFileUrlFromObs, at most 7 days.",
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="URL of this server for clients, e.g. https://ccfs.example.com; empty: that of the client's request.",
    )
    ivr_message_folder: str = Field(
        default="record", description="Folder after the VDN in the names of IVR voice messages."
    )
    upload_path_rule: str = Field(
        default="/3rdfile/%VDNNO%/thirdvoicebotfile/", description="Path rule for the names of uploaded voice files."
    )
    download_path_rule: str = Field(
        default="/voice/%VDNNO%/IVRrecordFile;/3rdfile/%VDNNO%/IVRrecordFile;/3rdfile/%VDNNO%/thirdvoicebotfile",
        description="Path rules for ivr/downloadFile, separated by semicolons.",
    )
    file_hash: Literal["sha256", "sha1", "md5"] = Field(
        default="sha256", description="Hash that ivr/getFileHash returns in lower-case hex: sha256, sha1 or md5."
    )
    export_max_days: int = Field(default=3, ge=1, description="Longest period of an export, in days.")
    export_retention_days: int = Field(default=7, ge=1, description="Retention of export files, in days.")
    export_rows_per_file: int = Field(
        default=500_000,
        ge=1,
        description="Maximum number of rows per CSV file of an export; further rows go to further numbered files.",
    )
    export_header: bool = Field(default=True, description="Whether CSV files begin with a row of column names.")
    export_bom: bool = Field(default=False, description="Whether CSV files begin with a UTF-8 byte order mark.")
    export_extra_call_columns: bool = Field(
        default=True, description="Whether call CSV files have five columns in addition to the manual's 21."
    )
    export_manifest: bool = Field(
        default=False, description="Whether exports contain a manifest.csv with row count and SHA-256 of each file."
    )
    export_max_attempts: int = Field(default=20, ge=1, description="Attempts after which an export fails permanently.")
    callback_retry_seconds: float = Field(
        default=600, gt=0, description="Delay between a failed callback and the next attempt."
    )
    callback_max_attempts: int = Field(
        default=144, ge=1, description="Attempts after which a callback is dead and no longer retried."
    )
    callback_backoff: Literal["fixed", "exponential"] = Field(
        default="fixed",
        description="Delay between attempts: fixed, as in CC-FS, or exponential: doubled each time with jitter, at most a day.",
    )
    callback_host_with_port: bool = Field(
        default=True,
        description="Whether the Host header of callbacks contains the URL's port; in CC-FS's sample it does not.",
    )
    ssl_trust_all: bool = Field(
        default=False, description="Whether callbacks skip certificate verification. Dangerous."
    )
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
    recording_wait_seconds: int = Field(
        default=3600, ge=0, description="Time after a call at which an expected recording counts as missing."
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
    log_requests: bool = Field(default=True, description="Whether every request is logged.")

    @property
    def effective_database_url(self) -> str:
        """`database_url`, or that of the SQLite database in `data`."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'ccfs.db'}"

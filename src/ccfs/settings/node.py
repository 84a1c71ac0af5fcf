"""Settings of the node: where rows and bytes lie, clients, callbacks, ingest, logs. What people set of the console is not here."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ccfs.settings.comma_separated import CommaSeparated, NetworkList


class NodeSettings(BaseModel):
    """The node's part of all settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("ccfs-data"), description="Folder of the SQLite database, disk location and node key."
    )
    database_url: str = Field(
        default="", repr=False, description="SQLAlchemy URL (sqlite or postgresql); empty: SQLite in `data`."
    )
    database_read_timeout_seconds: float = Field(
        default=10, gt=0, description="How long PostgreSQL may be silent before what a client asked fails."
    )
    primary_location: str = Field(
        default="",
        pattern=r"^\d{0,9}$",
        description="Id of the location that takes this node's new bytes; empty: the disk in `data`.",
    )
    s3_access_key: str = Field(
        default="", repr=False, description="Access key of S3 locations; empty: the usual AWS environment."
    )
    s3_secret_key: str = Field(default="", repr=False, description="Its secret key.")
    s3_ca_file: str = Field(
        default="", description="File of PEM certificates that S3 services may show, beside those the system trusts."
    )
    s3_timeout_seconds: float = Field(
        default=10, gt=0, description="How long an S3 service may be silent before a try counts as failed."
    )
    s3_retries: int = Field(
        default=3,
        ge=0,
        description="Further tries of a failed S3 request, within twice the time of `s3_timeout_seconds`.",
    )
    s3_cooldown_seconds: float = Field(
        default=5,
        ge=0,
        description="How long an S3 service that failed is left alone: what is asked of it fails at once.",
    )
    tier_to: str = Field(
        default="", pattern=r"^\d{0,9}$", description="Location to which older bytes are moved; empty: they stay."
    )
    tier_after_days: int = Field(
        default=30, ge=0, description="How old the bytes in `location` are when they are moved to `tier_to`."
    )
    move_grace_seconds: float = Field(
        default=600,
        ge=0,
        description="How long moved bytes stay where they were, too, for downloads under way; in S3 at least "
        "`obs_url_seconds`.",
    )
    node_keys: CommaSeparated = Field(
        default=(),
        repr=False,
        description="Fernet keys that seal secrets at rest, newest first; empty: the file `node.keys` in `data`.",
    )
    node: str = Field(
        default="",
        pattern=r"^([0-9A-Za-z][0-9A-Za-z._-]{0,63})?$",
        description="Name of this node at its first start, kept in the file `node.id` in `data`; empty: a random one.",
    )
    node_address: str = Field(
        default="",
        pattern=r"^(https?://[^/?#@\s]+)?$",
        description="URL at which other nodes reach this one, without a path; empty: what `--listen` says.",
    )
    node_timeout_seconds: float = Field(
        default=30, ge=1, description="Time without a heartbeat after which a node counts as dead."
    )
    peer_connect_seconds: float = Field(
        default=2, gt=0, description="How long another node may take to accept a connection."
    )
    peer_read_seconds: float = Field(
        default=10, gt=0, description="How long another node may be silent before an answer counts as failed."
    )
    peer_cooldown_seconds: float = Field(
        default=5, ge=0, description="How long a node that failed is left alone: what is asked of it fails at once."
    )
    peer_ca_file: str = Field(
        default="", description="File of PEM certificates that other nodes may show, beside those the system trusts."
    )
    language: Literal["en", "zh"] = Field(default="en", description="Language of resultDesc: en or zh.")
    workers: int = Field(default=1, ge=1, le=64, description="Web processes of this node.")
    clock_skew_seconds: int = Field(
        default=900, ge=0, description="How far a signature's time may be from ours; 0: any time."
    )
    lock_failures: int = Field(
        default=10, ge=0, description="Bad signatures of one address within the period that lock it; 0: never."
    )
    lock_period_seconds: int = Field(default=60, ge=1, description="The period in which bad signatures are counted.")
    lock_seconds: int = Field(default=300, ge=1, description="How long a locked address stays locked.")
    trusted_proxies: NetworkList = Field(
        default=(), description="Addresses or networks whose X-Forwarded-For is believed, by comma or blank."
    )
    x_accel: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_-]+)*$",
        description="Internal nginx location of the disk's files, e.g. /ccfs-files, to which answers to trusted proxies lead; "
        "empty: off.",
    )
    x_accel_s3: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_-]+)*$",
        description="Internal nginx location that fetches files from S3, e.g. /ccfs-s3, to which answers to trusted proxies "
        "lead; empty: off.",
    )
    host_aliases: CommaSeparated = Field(
        default=(), description="Further Host values to try when a proxy changed the Host that the client signed."
    )
    upload_limit_mb: int = Field(
        default=5, ge=1, le=1024, description="Largest voice file that may be uploaded, in MB."
    )
    play_token_seconds: int = Field(default=1800, ge=1, description="How long a play token is good.")
    obs_url_seconds: int = Field(
        default=28800,
        ge=1,
        le=604_800,
        description="How long a URL of getRecordFileUrlFromObs is good; at most 7 days.",
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="Where clients reach this server, e.g. https://ccfs.example.com; empty: as the asker reached it.",
    )
    ivr_message_folder: str = Field(
        default="record", description="Folder after the VDN in the names of IVR voice messages."
    )
    upload_path_rule: str = Field(
        default="/3rdfile/%VDNNO%/thirdvoicebotfile/", description="Where third-party uploads are named to lie."
    )
    download_path_rule: str = Field(
        default="/voice/%VDNNO%/IVRrecordFile;/3rdfile/%VDNNO%/IVRrecordFile;/3rdfile/%VDNNO%/thirdvoicebotfile",
        description="Where ivr/downloadFile may read, rules by semicolon.",
    )
    file_hash: Literal["sha256", "sha1", "md5"] = Field(
        default="sha256", description="What ivr/getFileHash answers: sha256, sha1 or md5, in lower-case hex."
    )
    export_max_days: int = Field(
        default=3, ge=1, description="Longest period that an export may be asked for, in days."
    )
    export_retention_days: int = Field(
        default=7, ge=1, description="How long the file of an export can be fetched, in days."
    )
    export_rows_per_file: int = Field(
        default=500_000, ge=1, description="Rows of one CSV in an export; more go into the next, numbered one."
    )
    export_header: bool = Field(default=True, description="Whether CSVs begin with a row of column names.")
    export_bom: bool = Field(default=False, description="Whether CSVs begin with a UTF-8 byte order mark.")
    export_extra_call_columns: bool = Field(
        default=True, description="Whether call CSVs have the five columns after the manual's 21."
    )
    export_manifest: bool = Field(
        default=False, description="Whether exports hold a manifest.csv with rows and SHA-256 of each member."
    )
    export_max_attempts: int = Field(
        default=20, ge=1, description="How often the making of an export may fail before it is put aside."
    )
    callback_retry_seconds: float = Field(
        default=600, gt=0, description="Time from a failed callback to the next attempt."
    )
    callback_max_attempts: int = Field(
        default=144, ge=1, description="Attempts after which a callback is given up and listed as dead."
    )
    callback_backoff: Literal["fixed", "exponential"] = Field(
        default="fixed", description="fixed, as CC-FS has it, or exponential: doubling, with jitter, up to a day."
    )
    callback_host_with_port: bool = Field(
        default=True,
        description="Whether the Host of callbacks names a port that the URL has; CC-FS's sample does not.",
    )
    ssl_trust_all: bool = Field(
        default=False, description="Whether certificates of callback receivers go unverified. Dangerous."
    )
    retention_months: int = Field(
        default=0, ge=0, le=1200, description="Whole months, beside this one, that rows of calls stay; 0: for ever."
    )
    recording_retention_months: int = Field(
        default=0, ge=0, le=1200, description="The same for recordings, rows and bytes; 0: as `retention_months`."
    )
    recording_wait_seconds: int = Field(
        default=3600, ge=0, description="How long after a call its audio may come before it is listed as missing."
    )
    settle_seconds: float = Field(
        default=2.0, ge=0, description="How long a switch's file must be unchanged before it counts as complete."
    )
    watch_seconds: float = Field(default=5.0, gt=0, description="How often `--watch` looks again.")
    log_requests: bool = Field(default=True, description="Whether each answered request is a log line.")

    @property
    def effective_database_url(self) -> str:
        """The database's URL, made from `data` where none is set."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'ccfs.db'}"

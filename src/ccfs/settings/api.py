"""Settings of the CC-FS interface: signatures, proxies, URLs, names of voice files."""

from typing import Literal

from pydantic import Field

from ccfs.settings.comma_separated import CommaSeparated, NetworkList
from ccfs.settings.group import SettingsGroup


class ApiSettings(SettingsGroup):
    """How clients are served."""

    language: Literal["en", "zh"] = Field(default="en", description="Language of resultDesc: en or zh.")
    clock_skew_seconds: int = Field(
        default=900, ge=0, description="Maximum difference between a signature's time and the server's; 0: unlimited."
    )
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
    audit_api_downloads: bool = Field(
        default=False, description="Whether the audit log of the console has recordings that API clients download."
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

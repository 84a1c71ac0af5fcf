"""Configuration of a location as set by the operator: one row of `locations`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LocationKind(StrEnum):
    """Kinds of locations, in the order in which replicas are read."""

    DISK = "disk"
    S3 = "s3"
    PEER = "peer"
    UNKNOWN = "unknown"  # of a newer release, which runs beside this one during an upgrade

    @classmethod
    def _missing_(cls, value: object) -> "LocationKind":
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationConfig:
    """The row of a location. It contains no S3 credentials, because those are settings."""

    id: str  # the interface's locationId: a decimal number
    kind: LocationKind
    root: str  # disk: folder, "" for `files` in the data folder; s3: bucket; peer: URL
    prefix: str = ""  # s3: the beginning of every key, without "/" at either end
    endpoint: str = ""  # s3: URL of the service; "" for AWS's own of the region
    region: str = ""  # s3: "" for us-east-1
    is_virtual_hosted: bool = False  # s3: whether the endpoint's host names the bucket
    is_conditional: bool = True  # s3: whether the service understands If-None-Match and If-Match of a PUT
    node: str = ""  # the node that has the disk; "" if every node reaches it
    is_read_only: bool = False  # bytes are neither added nor deleted
    is_draining: bool = False  # no new bytes; existing ones are read, moved away, deleted
    created_at: datetime

    def is_local(self, node: str) -> bool:
        """Return whether the given node accesses the location directly, rather than through the node that has the disk."""
        return self.kind is not LocationKind.PEER and self.node in ("", node)

    @property
    def display_address(self) -> str:
        """Folder, bucket URL, or URL of the peer; empty: `files` in the data folder."""
        if self.kind is not LocationKind.S3:
            return self.root
        return "/".join(filter(None, (self.endpoint.rstrip("/") or "s3:/", self.root, self.prefix)))

    @property
    def is_accepting_blobs(self) -> bool:
        """Whether new files may be stored there."""
        return not (self.is_read_only or self.is_draining)


def is_location_id(text: str) -> bool:
    """Return whether a text can be the id of a location: a number of at most 9 digits, without leading zeros."""
    return len(text) <= 9 and text.isascii() and text.isdecimal() and str(int(text)) == text

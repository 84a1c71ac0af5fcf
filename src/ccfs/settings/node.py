"""Settings of the node: its folder, database, keys, other nodes, web processes, logs."""

from pathlib import Path

from pydantic import Field

from ccfs.settings.comma_separated import CommaSeparated
from ccfs.settings.group import SettingsGroup


class NodeSettings(SettingsGroup):
    """Settings of the node."""

    data: Path = Field(
        default=Path("ccfs-data"), description="Folder of the SQLite database, the disk location and the node key."
    )
    shared_data: bool = Field(
        default=False, description="Whether other servers with this setting may use the same data folder."
    )
    database_url: str = Field(
        default="", repr=False, description="SQLAlchemy URL (sqlite or postgresql); empty: SQLite in `data`."
    )
    database_read_timeout_seconds: float = Field(
        default=10, gt=0, description="Read timeout of PostgreSQL connections; afterwards the client's request fails."
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
        description="Cooldown after a failure of another node, during which requests to it fail immediately.",
    )
    peer_ca_file: str = Field(
        default="", description="PEM file of certificate authorities for other nodes, in addition to the system's."
    )
    workers: int = Field(default=1, ge=1, le=64, description="Number of web processes of this node.")
    clock_max_difference_hours: int = Field(
        default=24,
        ge=1,
        description="Maximum difference in hours between the clocks; beyond it, nothing is deleted by age.",
    )
    log_requests: bool = Field(default=True, description="Whether every request is logged.")

    @property
    def effective_database_url(self) -> str:
        """`database_url`, or that of the SQLite database in `data`."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'ccfs.db'}"

"""All tables. Instants are in UTC. `app` is apps.id, the first column of every index for queries within an app.

The tables that grow with every call are partitioned by month on PostgreSQL (partitions.py), so their primary key
contains the partition key. A change here needs a migration in migrations/versions; a test compares the two.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime: timestamptz on PostgreSQL, microseconds since 1970 on SQLite.

    Both can be sorted, indexed and used in arithmetic.
    """

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column's type for the engine."""
        return dialect.type_descriptor(sa.TIMESTAMP(timezone=True) if dialect.name == "postgresql" else sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Convert a value for the database. Raises ValueError if it is naive, on both engines."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} is not an instant: it has no zone")
        if value is None or dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Convert a value from the database, always to UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else _EPOCH + value * _MICROSECOND


ByteText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # sorted by bytes, as SQLite sorts all texts
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite generates ids only for an INTEGER key


def _partition_by_month(table: sa.Table) -> sa.Table:
    """Create the two edge partitions together with the table."""
    for statement in build_edge_partitions(table.name):
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]
        sa.event.listen(table, "after_create", ddl.execute_if(dialect="postgresql"))
    return table


def build_edge_partitions(name: str) -> tuple[str, str]:
    """Return PostgreSQL's statements for the partitions with rows before 2000 and after 2099."""
    first, last = ("200001", "210001") if name == "recordings" else ("'2000-01-01 00:00+00'", "'2100-01-01 00:00+00'")
    create = "CREATE TABLE {0}_{1} PARTITION OF {0} FOR VALUES FROM ({2}) TO ({3})"
    return create.format(name, "early", "MINVALUE", first), create.format(name, "late", last, "MAXVALUE")


def _app() -> sa.Column[int]:
    return sa.Column("app", sa.Integer, sa.ForeignKey("apps.id"), nullable=False)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, **options)


def _instant(name: str, *, required: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=not required)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _blob_columns() -> tuple[sa.Column[Any], ...]:
    size = sa.Column("size", sa.BigInteger, nullable=False)
    crc32 = sa.Column("crc32", sa.BigInteger, nullable=False)
    return (_text("location_id"), _text("key"), size, _text("sha256"), crc32)


apps = sa.Table(
    "apps",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("ak", unique=True),
    _text("name"),
    _instant("created_at"),
)
access_keys = sa.Table(
    "access_keys",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _app(),
    _text("ak", index=True),
    _text("encrypted_sk"),
    _instant("created_at"),
    _instant("revoked_at", required=False),
    _text("name"),
    _text("note"),
    _instant("last_used_at", required=False),
)
accounts = sa.Table(
    "accounts",
    METADATA,
    _app(),
    _text("account_id"),
    _text("zone"),
    _instant("created_at"),
    _number("service_level_seconds", server_default="20"),  # waiting time within which a call should be answered
    _number("after_call_seconds", server_default="60"),  # after-call work counts for so long at most
    sa.Column("allows_links", sa.Boolean, nullable=False, server_default=sa.false()),  # for people without an account
    sa.PrimaryKeyConstraint("app", "account_id"),
)
vdns = sa.Table(
    "vdns",
    METADATA,
    _app(),
    _number("vdn_id"),
    _number("cc_id"),
    _text("account_id"),
    sa.PrimaryKeyConstraint("app", "vdn_id", "cc_id"),
    sa.ForeignKeyConstraint(["app", "account_id"], ["accounts.app", "accounts.account_id"]),
)
app_limits = sa.Table(  # of apps that have limits of their own; NULL: the default
    "app_limits",
    METADATA,
    sa.Column("app", sa.Integer, sa.ForeignKey("apps.id"), primary_key=True, autoincrement=False),
    sa.Column("concurrent_downloads", sa.Integer),
    sa.Column("concurrent_queries", sa.Integer),
    sa.Column("downloads_per_minute", sa.Integer),
    sa.Column("queries_per_minute", sa.Integer),
    sa.Column("bytes_per_second", sa.Integer),
    sa.Column("queued_exports", sa.Integer),
)
callback_prefixes = sa.Table(
    "callback_prefixes",
    METADATA,
    _app(),
    _text("prefix"),
    _flag("may_be_private"),
    sa.PrimaryKeyConstraint("app", "prefix"),
)
trusted_certificates = sa.Table(
    "trusted_certificates",
    METADATA,
    _text("name", primary_key=True),
    sa.Column("der", sa.LargeBinary, nullable=False),
    _text("sha256"),
    _text("subject"),
    _instant("not_after"),
    _instant("created_at"),
)
nodes = sa.Table(
    "nodes",
    METADATA,
    _text("id", primary_key=True),
    _text("folder"),
    _text("address"),
    _text("version"),
    _text("revision"),
    _text("state"),
    _instant("started_at"),
    _instant("heartbeat_at"),
    _instant("certificate_expires_at", required=False),  # of its TLS server; NULL: it has none
)
compatible_revision = sa.Table("compatible_revision", METADATA, _text("revision", primary_key=True))
clock_times = sa.Table(  # instants that outlast a process: what the clocks showed, and when something was last done
    "clock_times",
    METADATA,
    _text("name", primary_key=True),
    _instant("at"),
)
location_checks = sa.Table(  # which node can read which location
    "location_checks",
    METADATA,
    _text("node_id", primary_key=True),
    _text("location_id", primary_key=True),
    _instant("checked_at"),
    _text("failure"),
)
disk_samples = sa.Table(  # free space of the disks of locations, one row an hour (system/storage/disk_samples.py)
    "disk_samples",
    METADATA,
    _text("location_id"),
    _instant("sampled_at"),
    sa.Column("free", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("location_id", "sampled_at"),
)
retention_marks = sa.Table(  # months of a table that retention will delete
    "retention_marks",
    METADATA,
    _text("table_name"),
    _number("month"),
    _instant("marked_at"),
    sa.PrimaryKeyConstraint("table_name", "month"),
)
change_counters = sa.Table("change_counters", METADATA, _text("name", primary_key=True), _number("value"))
locations = sa.Table(
    "locations",
    METADATA,
    _text("id", primary_key=True),
    _text("kind"),
    _text("root"),
    _text("prefix"),
    _text("endpoint"),
    _text("region"),
    _flag("is_virtual_hosted"),
    _flag("is_conditional"),
    _text("node"),
    _flag("is_read_only"),
    _flag("is_draining"),
    _instant("created_at"),
)
orphaned_blobs = sa.Table(  # blobs that may have no row: copies in progress, and what a move or a deleted row left
    "orphaned_blobs",
    METADATA,
    _text("location_id"),
    _text("key"),
    _text("owner_table"),
    _text("owner_row"),
    _number("app"),  # whose turn its deletion takes
    _text("lease"),
    _instant("due_at"),
    sa.PrimaryKeyConstraint("location_id", "key"),
    sa.Index(None, "app", "due_at"),
)
location_moves = sa.Table(  # moves of files between locations that operators requested (system/jobs/location_moves.py)
    "location_moves",
    METADATA,
    _text("id", primary_key=True),
    _text("source"),
    _text("target"),
    _instant("stored_before"),
    _text("requested_by"),
    _instant("requested_at"),
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("attempts"),
    _text("error"),
    _text("node_id"),  # that worked on it last
    sa.Column("total_files", sa.BigInteger),  # NULL: not counted yet
    sa.Column("total_bytes", sa.BigInteger),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("skipped", sa.BigInteger, nullable=False),
    sa.Column("missing", sa.BigInteger, nullable=False),
    sa.Column("damaged", sa.BigInteger, nullable=False),
    sa.Column("bytes_per_second", sa.BigInteger, nullable=False),
    _instant("updated_at", required=False),
    _instant("finished_at", required=False),
)
lost_blobs = sa.Table(  # recordings whose bytes were missing or damaged when they were read
    "lost_blobs",
    METADATA,
    _text("location_id"),
    _text("key"),
    _number("app"),  # by the key
    _text("recording"),  # its file_name; "" until it is looked up
    _instant("noticed_at"),
    _instant("tried_at"),  # when ingest last tried to restore them; `noticed_at` before
    sa.PrimaryKeyConstraint("location_id", "key"),
    sa.Index(None, "app", "tried_at"),
)
address_failures = sa.Table(
    "address_failures",
    METADATA,
    _text("address", primary_key=True),
    _number("failures"),
    _number("pending"),  # attempts that are being judged
    _instant("since"),
    _instant("locked_until", required=False),
)
recordings = sa.Table(
    "recordings",
    METADATA,
    _app(),
    _number("month"),  # from the date in file_name (model/calls/partition_month.py)
    _text("account_id"),
    _text("cc_id"),
    _text("vdn_id"),
    _text("agent_id"),
    _text("call_id"),
    _text("caller_no"),
    _text("callee_no"),
    _instant("call_begin"),
    _instant("call_end"),
    _text("file_name"),
    _text("original_file_name"),
    _number("call_type"),
    _number("media_type"),
    _number("task_status"),
    _text("task_result"),
    _text("user_wanted_skill_id"),
    _text("current_skill_id"),
    *_blob_columns(),
    _text("source_sha256"),
    _text("source_name"),
    _instant("created_at"),
    sa.PrimaryKeyConstraint("app", "file_name", "month"),
    sa.Index(None, "app", "original_file_name"),
    sa.Index(None, "app", "call_id"),
    sa.Index(None, "app", "call_begin"),
    sa.Index(None, "location_id", "created_at", "size"),
    postgresql_partition_by="RANGE (month)",
)
_partition_by_month(recordings)
cdrs = sa.Table(
    "cdrs",
    METADATA,
    _app(),
    _text("account_id"),
    _text("cc_id"),
    _text("vdn_id"),
    _text("call_id"),
    _number("call_id_num"),
    _text("agent_id"),
    _text("caller_no"),
    _text("callee_no"),
    _instant("begin"),
    _instant("wait_begin", required=False),
    _instant("wait_end", required=False),
    _instant("ack_begin", required=False),
    _instant("ack_end", required=False),
    _instant("call_begin", required=False),
    _instant("call_end", required=False),
    _number("device_type"),
    _number("device_no"),
    _number("call_type"),
    _number("release_cause"),
    _number("pre_device_type"),
    _number("pre_device_no"),
    _number("leave_reason"),
    _number("media_type"),
    _number("sub_media_type"),
    _text("user_wanted_skill_id"),
    _text("current_skill_id"),
    _text("caller_name"),
    _text("switch_call_id"),
    _text("switch_leg_id"),
    _text("leg_order"),
    _text("source_key"),
    _number("talk_seconds"),  # of the whole call (tenant/calls/cdrs.py), for searching and sorting
    _number("wait_seconds"),  # likewise
    _number("direction"),  # from call_type (model/calls/call.py): 0 inbound, 1 outbound, 2 internal
    _text(
        "caller_key"
    ),  # of caller_no, callee_no and caller_name: as a search compares them (model/calls/search_text.py)
    _text("callee_key"),
    _text("name_key"),
    sa.PrimaryKeyConstraint("app", "begin", "account_id", "source_key"),
    sa.Index(None, "app", "call_id"),
    sa.Index("ix_cdrs_search_begin", "app", "account_id", "begin", "talk_seconds"),
    sa.Index("ix_cdrs_search_direction", "app", "account_id", "direction", "begin", "talk_seconds"),
    sa.Index("ix_cdrs_search_talk", "app", "account_id", "talk_seconds", "begin", "direction"),
    sa.Index("ix_cdrs_search_wait", "app", "account_id", "wait_seconds", "begin", "direction"),
    postgresql_partition_by="RANGE (begin)",
)
for _name in ("caller_no", "callee_no", "agent_id", "current_skill_id", "caller_name"):  # for the search of the console
    _is_not_empty = cdrs.c[_name] != sa.literal_column("''")
    _columns = (cdrs.c.app, cdrs.c.account_id, cdrs.c[_name], cdrs.c.begin, cdrs.c.talk_seconds, cdrs.c.direction)
    sa.Index(f"ix_cdrs_search_{_name}", *_columns, sqlite_where=_is_not_empty, postgresql_where=_is_not_empty)
_partition_by_month(cdrs)
_other_leg = cdrs.c.switch_leg_id != cdrs.c.switch_call_id  # the call's own id is found by call_id
sa.Index(
    "ix_cdrs_app_other_leg", cdrs.c.app, cdrs.c.switch_leg_id, sqlite_where=_other_leg, postgresql_where=_other_leg
)
search_values = sa.Table(  # numbers, names, agents and queues of the CDRs (tenant/calls/search_index.py)
    "search_values",
    METADATA,
    _app(),
    _text("account_id"),
    _number("kind"),
    _text("value"),  # as in the CDRs
    _instant("last_month"),  # the start of the newest month with such a CDR; retention deletes by it
    sa.PrimaryKeyConstraint("app", "account_id", "kind", "value"),
    sa.Index(None, "app", "last_month"),
)
search_keys = sa.Table(  # beginnings under which a search finds these values
    "search_keys",
    METADATA,
    _app(),
    _text("account_id"),
    _number("kind"),
    sa.Column("key", ByteText, nullable=False),
    _text("value"),
    sa.PrimaryKeyConstraint("app", "account_id", "kind", "key", "value"),
    sqlite_with_rowid=False,
)
call_statistics = sa.Table(  # statistics of an account's calls of 15 minutes (tenant/call_statistics.py)
    "call_statistics",
    METADATA,
    _app(),
    _text("account_id"),
    _instant("begin"),
    sa.Column("version", sa.BigInteger, nullable=False),  # incremented by every change of the CDRs
    sa.Column("counted_version", sa.BigInteger, nullable=False),  # `version` at the last count
    _text("statistics"),
    _text("details"),  # of queues and agents
    sa.PrimaryKeyConstraint("app", "account_id", "begin"),
)
_is_stale = call_statistics.c.version != call_statistics.c.counted_version
sa.Index("ix_call_statistics_old", call_statistics.c.begin, sqlite_where=_is_stale, postgresql_where=_is_stale)
daily_statistics = sa.Table(  # of a day of an account's clock (tenant/calls/daily_statistics.py)
    "daily_statistics",
    METADATA,
    _app(),
    _text("account_id"),
    _instant("begin"),
    _instant("end"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("counted_version", sa.BigInteger, nullable=False),
    _text("statistics"),
    _text("details"),
    _text("times"),  # of agents
    sa.PrimaryKeyConstraint("app", "account_id", "begin"),
)
_is_stale_day = daily_statistics.c.version != daily_statistics.c.counted_version
sa.Index("ix_daily_statistics_old", daily_statistics.c.end, sqlite_where=_is_stale_day, postgresql_where=_is_stale_day)
storage_statistics = sa.Table(  # recordings of a month that a location still has (system/storage_statistics.py)
    "storage_statistics",
    METADATA,
    _text("location_id"),
    _number("month"),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    _instant("counted_at"),
    sa.PrimaryKeyConstraint("location_id", "month"),
)
agent_operations = sa.Table(
    "agent_operations",
    METADATA,
    _app(),
    _text("id"),
    _text("account_id"),
    _text("agent_id"),
    _text("service_no"),
    _text("skill_id"),
    _text("call_id"),
    _instant("begin"),
    _instant("end", required=False),
    _number("op_type"),
    _text("op_object"),
    _text("op_cause"),
    _number("media_type"),
    _text("vdn_id"),
    _text("cc_id"),
    _text("agent_type"),
    _text("phone_no"),
    _text("call_direction"),
    _text("location_id"),
    _text("logon_sn"),
    _text("skill_info_sn"),
    _text("reason"),  # of a pause, as the switch names it; not part of agentOprInfo.csv
    sa.PrimaryKeyConstraint("app", "id", "begin"),
    sa.Index(None, "app", "begin"),
    sa.Index(None, "app", "account_id", "begin", "agent_id"),
    sa.Index(None, "app", "account_id", "agent_id", "end"),
    postgresql_partition_by="RANGE (begin)",
)
_has_call = agent_operations.c.call_id != sa.literal_column("''")
sa.Index(
    "ix_agent_operations_call",
    agent_operations.c.app,
    agent_operations.c.call_id,
    sqlite_where=_has_call,
    postgresql_where=_has_call,
)
_partition_by_month(agent_operations)
agent_skill_changes = sa.Table(
    "agent_skill_changes",
    METADATA,
    _app(),
    _text("id"),
    _text("account_id"),
    _number("sub_cc_no"),
    _number("vdn"),
    _number("agent_id"),
    _instant("operate_time"),
    _number("operate_id"),
    _number("operate_type"),
    _text("skill_list"),
    _text("logon_sn"),
    _number("operate_sn"),
    _instant("operate_end_time", required=False),
    _number("renew_flag"),
    _instant("update_time", required=False),
    _number("month_of_year"),
    sa.PrimaryKeyConstraint("app", "id", "operate_time"),
    sa.Index(None, "app", "operate_time"),
    postgresql_partition_by="RANGE (operate_time)",
)
_partition_by_month(agent_skill_changes)
voice_files = sa.Table(
    "voice_files",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _number("vdn_id"),
    _text("file_name"),
    _text("folder"),
    *_blob_columns(),
    _text("first_location_id"),
    _instant("created_at"),
    _instant("deleted_at", required=False),
    sa.UniqueConstraint("app", "file_name"),
    sa.Index(None, "app", "folder"),
    sa.Index(None, "location_id", "created_at"),
)
play_tokens = sa.Table(
    "play_tokens",
    METADATA,
    _text("digest", primary_key=True),
    _app(),
    _text("file_name"),  # of the recording
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
device_numbers = sa.Table(
    "device_numbers",
    METADATA,
    _app(),
    _text("account_id"),
    _number("kind"),
    _text("name"),
    _number("number"),
    sa.PrimaryKeyConstraint("app", "account_id", "kind", "name"),
    sa.UniqueConstraint("app", "account_id", "kind", "number"),
)
member_names = sa.Table(
    "member_names",
    METADATA,
    _app(),
    _text("account_id"),
    _text("name"),
    _text("agent"),
    sa.PrimaryKeyConstraint("app", "account_id", "name"),
)
leg_links = sa.Table(
    "leg_links",
    METADATA,
    _app(),
    _text("account_id"),
    _text("link"),
    _instant("begin"),  # of the leg
    _instant("end"),
    _text("source_key"),
    sa.PrimaryKeyConstraint("app", "account_id", "link", "begin", "source_key"),
)
channel_events = sa.Table(
    "channel_events",
    METADATA,
    _app(),
    _text("account_id"),
    _text("switch_leg_id"),
    _text("switch_call_id"),
    _text("channel"),
    _instant("begin"),  # the first event's
    _text("events"),  # JSON
    sa.PrimaryKeyConstraint("app", "account_id", "switch_leg_id"),
    sa.Index(None, "app", "account_id", "switch_call_id"),
)
queue_visits = sa.Table(
    "queue_visits",
    METADATA,
    _app(),
    _text("account_id"),
    _text("switch_leg_id"),
    _text("queue"),
    _instant("entered_at", required=False),
    _instant("rang_at", required=False),
    _instant("connected_at", required=False),
    _instant("left_at", required=False),
    _text("agent"),
    _text("outcome"),
    sa.PrimaryKeyConstraint("app", "account_id", "switch_leg_id", "queue"),
)
_is_waiting = queue_visits.c.connected_at.is_(None) & queue_visits.c.left_at.is_(None)
sa.Index(
    "ix_queue_visits_waiting",
    queue_visits.c.app,
    queue_visits.c.account_id,
    queue_visits.c.entered_at,
    sqlite_where=_is_waiting,
    postgresql_where=_is_waiting,
)
source_cursors = sa.Table(
    "source_cursors",
    METADATA,
    _app(),
    _text("path"),
    _text("first_line"),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),  # the first bytes of what was read
    _text("format"),
    _instant("started_at"),
    _instant("read_at"),
    sa.PrimaryKeyConstraint("app", "path"),
)
rotated_files = sa.Table(  # files that were rotated from a source file, and how far each was read
    "rotated_files",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("source"),  # the path of the source's cursor
    _text("path"),  # where it was last seen: logrotate renames and compresses it
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    _text("digest"),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    _text("state"),
    _instant("since"),  # the time of the state
    _flag("is_reported"),  # that the file is missing
    sa.Index(None, "app", "source"),
)
source_files = sa.Table(
    "source_files",
    METADATA,
    _app(),
    _text("path"),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    _text("state"),
    _text("reason"),
    _instant("seen_at"),
    sa.PrimaryKeyConstraint("app", "path"),
    sa.Index(None, "app", "state"),
)
expected_recordings = sa.Table(
    "expected_recordings",
    METADATA,
    _app(),
    _text("account_id"),
    _text("name"),
    _text("path"),  # as the CDR names it
    _text("stem"),  # its last part without audio extensions
    _text("call_id"),
    _text("source_key"),
    _instant("since"),
    _flag("is_optional"),  # may never arrive: it is then not missing
    _instant("missing_at", required=False),
    sa.PrimaryKeyConstraint("app", "account_id", "path", "call_id"),
    sa.Index(None, "app", "stem", "account_id"),
    sa.Index(None, "app", "since"),
    sa.Index(None, "app", "account_id", "since"),
)
_is_missing = expected_recordings.c.missing_at.is_not(None)
sa.Index(
    "ix_expected_recordings_missing",
    expected_recordings.c.app,
    expected_recordings.c.account_id,
    expected_recordings.c.since,
    sqlite_where=_is_missing,
    postgresql_where=_is_missing,
)
recording_sources = sa.Table(  # every file of a switch that was stored as a recording, or as an earlier version of one
    "recording_sources",
    METADATA,
    _app(),
    _text("account_id"),
    _text("path"),
    _text("stem"),
    _text("source_sha256"),
    _number("milliseconds"),
    _text("recording"),  # its file_name
    _number("month"),  # of the recording
    _text("named_by"),  # source keys of the CDR lines that name the file
    _instant("stored_at"),
    _instant("replaced_at", required=False),  # when another file's bytes took the place of these
    sa.PrimaryKeyConstraint("app", "path", "source_sha256"),
    sa.Index(None, "app", "stem", "account_id"),
    sa.Index(None, "app", "recording"),
)
ingest_errors = sa.Table(
    "ingest_errors",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("file"),
    sa.Column("line", sa.BigInteger, nullable=False),
    _text("reason"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _text("digest"),  # of raw: after a rotation, other lines have the same numbers
    _instant("rejected_at"),
    sa.UniqueConstraint("app", "file", "line", "reason", "digest"),
    sa.Index(None, "app", "id"),
)
unassigned_records = sa.Table(  # parsed lines of calls whose tenant is not known yet
    "unassigned_records",
    METADATA,
    _app(),  # of the command line, which holds the state of the switch's files
    _text("source"),  # the kind of switch and its folder
    _text("source_key"),  # identifies the line
    _text("kind"),  # what the record is
    _text("call_id"),  # as the switch has it; "" if the line is of no call
    _text("leg_id"),
    _text("domain"),  # of the call; "" if it has none
    _text("file"),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _text("reason"),
    _text("rules"),  # digest of the tenant rules that were tried last
    _flag("is_listed"),  # among the rejections
    _text("record"),  # JSON
    _instant("seen_at"),
    sa.PrimaryKeyConstraint("app", "source", "source_key"),
    sa.Index(None, "app", "source", "rules"),
    sa.Index(None, "app", "source", "domain"),
    sa.Index(None, "app", "source", "is_listed"),
    sa.Index(None, "app", "source", "call_id"),
    sa.Index(None, "app", "source", "leg_id"),
    sa.Index(None, "app", "file", "line"),
    sa.Index(None, "app", "seen_at"),
)
account_domains = sa.Table(  # of FreeSWITCH: the domains whose calls are an account's, where no tenant rules are given
    "account_domains",
    METADATA,
    _app(),
    _text("source"),  # as in unassigned_records
    _text("account_id"),
    _text("domain"),  # in lower case
    sa.PrimaryKeyConstraint("app", "source", "account_id", "domain"),
)
exports = sa.Table(
    "exports",
    METADATA,
    _text("response_id", primary_key=True),
    _app(),
    _text("kind"),
    _text("tables"),
    _instant("begin"),
    _instant("end"),
    _text("account_id"),
    _text("agent_id"),
    _text("call_id"),
    _text("caller_no"),
    _text("callee_no"),
    _text("callback_url"),
    sa.Column("requested_on", sa.Date, nullable=False),
    _instant("requested_at"),
    _text("file_name"),
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("attempts"),
    _text("error"),
    sa.Column("location_id", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("sha256", sa.Text),
    sa.Column("crc32", sa.BigInteger),
    _instant("ready_at", required=False),
    _instant("expiry_marked_at", required=False),  # its file is deleted a day later
    sa.UniqueConstraint("app", "file_name"),
    sa.Index(None, "app", "requested_at"),
)
_export_is_due = exports.c.state == "due"
sa.Index(
    "ix_exports_due", exports.c.app, exports.c.due_at, sqlite_where=_export_is_due, postgresql_where=_export_is_due
)
_export_is_leased = _export_is_due & (exports.c.lease != "")  # few, however many wait or have to be retried
sa.Index("ix_exports_leased", exports.c.app, sqlite_where=_export_is_leased, postgresql_where=_export_is_leased)
_export_is_ready = exports.c.state == "ready"
sa.Index("ix_exports_ready", exports.c.ready_at, sqlite_where=_export_is_ready, postgresql_where=_export_is_ready)
_export_failed = exports.c.state == "failed"
sa.Index(
    "ix_exports_failed",
    exports.c.app,
    exports.c.requested_at,
    sqlite_where=_export_failed,
    postgresql_where=_export_failed,
)
deliveries = sa.Table(
    "deliveries",
    METADATA,
    _text("id", primary_key=True),
    _app(),
    sa.Column("export", sa.Text, sa.ForeignKey("exports.response_id"), nullable=False),
    _text("url"),
    _text("receiver"),
    _text("lane"),  # receiver and app, which take turns together
    sa.Column("body", sa.LargeBinary, nullable=False),
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("claims"),
    _number("attempts"),
    _instant("created_at"),
    _instant("finished_at", required=False),
    sa.Index(None, "app", "created_at"),
    sa.Index(None, "app", "export"),
)
_delivery_is_due = deliveries.c.state == "due"
sa.Index(
    "ix_deliveries_due",
    deliveries.c.lane,
    deliveries.c.due_at,
    sqlite_where=_delivery_is_due,
    postgresql_where=_delivery_is_due,
)
_delivery_is_dead = deliveries.c.state == "dead"
sa.Index(
    "ix_deliveries_dead",
    deliveries.c.app,
    deliveries.c.receiver,
    sqlite_where=_delivery_is_dead,
    postgresql_where=_delivery_is_dead,
)
delivery_attempts = sa.Table(
    "delivery_attempts",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    sa.Column("delivery", sa.Text, sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    _instant("attempted_at"),
    _text("address"),
    _number("status"),
    _number("milliseconds"),
    sa.Column("response", sa.LargeBinary, nullable=False),
    _text("failure"),
    _text("next_step"),
    _instant("next_at", required=False),
    sa.Index(None, "delivery"),
)
users = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("name", unique=True),
    _text("password_hash"),
    _text("encrypted_totp"),
    sa.Column("totp_step", sa.BigInteger, nullable=False),
    _instant("created_at"),
    _instant("disabled_at", required=False),
    sa.Column("subject", sa.Text, unique=True),  # of the OIDC provider: its issuer and "sub"
    _instant("last_seen_at", required=False),
    sa.Column("preferences", sa.Text),  # JSON of model/identity/preferences.py; null: none chosen
)
user_roles = sa.Table(
    "user_roles",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    _text("role"),
    sa.Column("app", sa.Integer, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=True),
    _text("account_id"),
    _text("agent_id"),  # of the role agent
)
console_sessions = sa.Table(
    "console_sessions",
    METADATA,
    _text("digest", primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    _instant("created_at"),
    sa.Column("seen_at", Instant, nullable=False, index=True),
    _text("address"),  # of the browser when it signed in
    _text("browser"),  # its User-Agent
)
setup_links = sa.Table(
    "setup_links",
    METADATA,
    _text("digest", primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True),
    _instant("expires_at"),
)
console_notes = sa.Table(
    "console_notes",
    METADATA,
    _text("digest", primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    _text("sealed"),  # encrypted JSON: what the next page of the user shows, such as a new SK
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
used_oidc_states = sa.Table(
    "used_oidc_states",
    METADATA,
    _text("digest", primary_key=True),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
audit_log = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _instant("logged_at"),
    _text("actor"),
    sa.Column("app", sa.Integer, nullable=True),
    _text("account_id"),
    _text("action"),
    _text("target"),
    _text("address"),
    sa.Index(None, "logged_at"),
    sa.Index(None, "app", "logged_at"),
    sa.Index(None, "actor", "logged_at"),
    sa.Index(None, "action", "logged_at"),
)
audit_calls = sa.Table(  # the calls that an entry of the audit log is about
    "audit_calls",
    METADATA,
    sa.Column("entry", BigId, sa.ForeignKey("audit_log.id", ondelete="CASCADE"), nullable=False),
    _number("app"),
    _text("call_id"),
    sa.PrimaryKeyConstraint("entry", "call_id"),
    sa.Index(None, "app", "call_id", "entry"),
)
annotations = sa.Table(
    "annotations",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    _text("recording"),  # its file_name; a foreign key, here or in waveforms, would keep partitions from being dropped
    _number("month"),  # of the recording
    _number("offset_ms"),
    sa.Column("end_ms", sa.Integer),  # of a passage
    _text("text"),
    _text("tags"),  # with a tab before, between and after them
    _text("author"),
    _instant("created_at"),
    _instant("changed_at", required=False),
    sa.Index(None, "app", "recording"),
    sa.Index(None, "app", "account_id", "created_at", "id"),
)
guest_links = sa.Table(  # links by which people without an account hear a recording (tenant/guest_links.py)
    "guest_links",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    _text("recording"),
    _number("month"),
    _text("digest", unique=True),  # of the token
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _number("start_ms"),
    sa.Column("end_ms", sa.Integer),  # NULL: to the end of the recording
    _text("title"),
    _flag("shows_date"),
    _text("password_hash"),
    _number("max_plays"),
    _number("plays"),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("revoked_at", required=False),
    _instant("last_played_at", required=False),
    sa.Index(None, "app", "recording"),
    sa.Index(None, "app", "account_id", "id"),
    sa.Index(None, "expires_at"),
)
evaluation_forms = sa.Table(  # of quality management (tenant/quality)
    "evaluation_forms",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    _text("name"),  # of the newest version
    _number("version"),  # the newest one
    _flag("is_retired"),
    sa.Index(None, "app", "account_id"),
)
evaluation_form_versions = sa.Table(  # never changed
    "evaluation_form_versions",
    METADATA,
    _app(),
    sa.Column("form", BigId, sa.ForeignKey("evaluation_forms.id"), nullable=False),
    _number("version"),
    _text("content"),  # JSON of model/quality/evaluation_form.py
    _text("author"),
    _instant("created_at"),
    sa.PrimaryKeyConstraint("app", "form", "version"),
)
evaluations = sa.Table(
    "evaluations",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    _text("call_id"),  # a foreign key would keep partitions from being dropped
    _instant("call_begin"),
    _text("agent_id"),
    sa.Column("form", BigId, sa.ForeignKey("evaluation_forms.id"), nullable=False),
    _number("version"),
    _text("scorer"),  # the user's name
    sa.Column("calibration", sa.BigInteger, nullable=False),  # its id; 0: none
    _text("state"),
    _number("revision"),
    _text("author"),  # of the revision
    _text("answers"),  # JSON of model/quality/evaluation.py
    _text("comment"),
    sa.Column("score", sa.Integer),  # hundredths of a percent; null: no question applied, or not submitted
    _flag("is_failed"),  # by a critical question
    _instant("created_at"),
    _instant("evaluated_at"),  # when the revision was submitted; of a draft, when it was begun
    _text("response"),  # the agent's
    _instant("responded_at", required=False),
    sa.UniqueConstraint(
        *("app", "account_id", "call_id", "agent_id", "form", "scorer", "calibration"), name="uq_evaluations_once"
    ),
    sa.Index(None, "app", "account_id", "evaluated_at", "id"),
    sa.Index(None, "app", "account_id", "agent_id", "evaluated_at"),
    sa.Index(None, "app", "call_begin"),
)
evaluation_revisions = sa.Table(  # earlier revisions, as they were
    "evaluation_revisions",
    METADATA,
    _app(),
    sa.Column("evaluation", BigId, sa.ForeignKey("evaluations.id", ondelete="CASCADE"), nullable=False),
    _number("revision"),
    _text("state"),
    _text("author"),
    _text("answers"),
    _text("comment"),
    sa.Column("score", sa.Integer),
    _flag("is_failed"),
    _instant("evaluated_at"),
    _text("response"),
    _instant("responded_at", required=False),
    sa.PrimaryKeyConstraint("evaluation", "revision"),
)
sampling_rules = sa.Table(
    "sampling_rules",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    sa.Column("form", BigId, sa.ForeignKey("evaluation_forms.id"), nullable=False),
    _number("calls"),  # of each agent in each period
    _text("period"),
    _number("min_talk_seconds"),
    _text("direction"),  # "": any
    _text("queues"),  # JSON; [] for all
    _text("seed"),
    _text("author"),
    _instant("created_at"),
    _instant("drawn_until"),
    sa.Index(None, "app", "account_id"),
)
sampled_calls = sa.Table(  # calls that a rule has drawn, each once in its account
    "sampled_calls",
    METADATA,
    _app(),
    _text("account_id"),
    _text("call_id"),
    _instant("call_begin"),
    _text("agent_id"),
    sa.Column("rule", sa.BigInteger, nullable=False),
    sa.Column("form", BigId, sa.ForeignKey("evaluation_forms.id"), nullable=False),
    _text("state"),
    sa.PrimaryKeyConstraint("app", "account_id", "call_id"),
    sa.Index(None, "app", "account_id", "state", "call_begin"),
    sa.Index(None, "app", "call_begin"),
)
calibrations = sa.Table(  # calls that several users score without seeing each other's scores
    "calibrations",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    _app(),
    _text("account_id"),
    _text("call_id"),
    _instant("call_begin"),
    _text("agent_id"),
    sa.Column("form", BigId, sa.ForeignKey("evaluation_forms.id"), nullable=False),
    _number("version"),
    _text("author"),
    _instant("created_at"),
    _instant("closed_at", required=False),
    sa.Index(None, "app", "account_id", "created_at"),
    sa.Index(None, "app", "account_id", "call_id"),
    sa.Index(None, "app", "call_begin"),
)
calibration_scorers = sa.Table(
    "calibration_scorers",
    METADATA,
    _app(),
    sa.Column("calibration", BigId, sa.ForeignKey("calibrations.id", ondelete="CASCADE"), nullable=False),
    _text("scorer"),
    sa.PrimaryKeyConstraint("calibration", "scorer"),
)
waveforms = sa.Table(
    "waveforms",
    METADATA,
    _app(),
    _text("recording"),
    _number("month"),
    _number("milliseconds"),
    _number("channels"),
    sa.Column("peaks", sa.LargeBinary, nullable=False),
    _instant("created_at"),
    sa.PrimaryKeyConstraint("app", "recording"),
    sa.Index(None, "app", "created_at"),
)
speech_activity = sa.Table(  # who speaks when in a recording, and the job that finds it (tenant/speech_activity.py)
    "speech_activity",
    METADATA,
    _app(),
    _text("recording"),
    _number("month"),
    _text("account_id"),
    _text("agent_id"),
    _text("queue"),
    _number("day"),  # of the account's clock, as 20260131
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("attempts"),
    _text("error"),
    _text("sha256"),  # of the bytes that were analysed; "" before
    _text("model"),  # version of the detector
    _number("milliseconds"),
    _number("lanes"),
    sa.Column("runs", sa.LargeBinary, nullable=False),  # model/recordings/speech.py
    sa.Column("files", sa.Integer),  # shares, null until they count in speech_statistics
    sa.Column("measured_ms", sa.Integer),
    sa.Column("silence_ms", sa.Integer),
    sa.Column("longest_silence_ms", sa.Integer),
    sa.Column("stereo_ms", sa.Integer),
    sa.Column("overlap_ms", sa.Integer),
    sa.Column("caller_ms", sa.Integer),
    sa.Column("agent_ms", sa.Integer),
    _instant("computed_at", required=False),
    sa.PrimaryKeyConstraint("app", "recording"),
)
_speech_is_due = speech_activity.c.state == "due"
sa.Index(
    "ix_speech_activity_due",
    speech_activity.c.app,
    speech_activity.c.due_at,
    sqlite_where=_speech_is_due,
    postgresql_where=_speech_is_due,
)
_speech_is_leased = _speech_is_due & (speech_activity.c.lease != "")
sa.Index(
    "ix_speech_activity_leased",
    speech_activity.c.app,
    sqlite_where=_speech_is_leased,
    postgresql_where=_speech_is_leased,
)
_speech_failed = speech_activity.c.state == "failed"
sa.Index(
    "ix_speech_activity_failed",
    speech_activity.c.app,
    sqlite_where=_speech_failed,
    postgresql_where=_speech_failed,
)
speech_statistics = sa.Table(  # shares of an account's recordings by day, agent and queue (tenant/calls/statistics)
    "speech_statistics",
    METADATA,
    _app(),
    _text("account_id"),
    _number("day"),  # of the account's clock, as 20260131
    _text("agent_id"),
    _text("queue"),
    *(
        sa.Column(name, sa.BigInteger, nullable=False)
        for name in ("files", "measured_ms", "silence_ms", "stereo_ms", "overlap_ms", "caller_ms", "agent_ms")
    ),
    sa.PrimaryKeyConstraint("app", "account_id", "day", "agent_id", "queue"),
)
speech_totals = sa.Table(  # what was analysed so far, recordings that are gone included
    "speech_totals",
    METADATA,
    sa.Column("app", sa.Integer, sa.ForeignKey("apps.id"), primary_key=True, autoincrement=False),
    sa.Column("analysed_ms", sa.BigInteger, nullable=False),
)
bulk_downloads = sa.Table(
    "bulk_downloads",
    METADATA,
    _text("id", primary_key=True),
    _app(),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _text("account_id"),
    _text("zone"),
    _text("calls"),
    _text("search"),
    _instant("requested_at"),
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("attempts"),
    _text("error"),
    _text("cursor"),
    _number("listed"),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Column("is_truncated", sa.Boolean, nullable=False),
    _number("checked"),
    _number("missing"),
    sa.Column("files_end", sa.BigInteger, nullable=False),
    _instant("ready_at", required=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("etag", sa.Text),
    sa.Column("index_size", sa.BigInteger),
    sa.Column("index_crc32", sa.BigInteger),
    sa.Column("missing_size", sa.BigInteger),
    sa.Column("missing_crc32", sa.BigInteger),
    sa.Index(None, "app", "user_id", "requested_at"),
    sa.Index(None, "requested_at"),
)
_bulk_download_is_due = bulk_downloads.c.state == "due"
sa.Index(
    "ix_bulk_downloads_due",
    bulk_downloads.c.app,
    bulk_downloads.c.due_at,
    sqlite_where=_bulk_download_is_due,
    postgresql_where=_bulk_download_is_due,
)
_bulk_download_is_leased = _bulk_download_is_due & (bulk_downloads.c.lease != "")
sa.Index(
    "ix_bulk_downloads_leased",
    bulk_downloads.c.app,
    sqlite_where=_bulk_download_is_leased,
    postgresql_where=_bulk_download_is_leased,
)
saved_searches = sa.Table(  # of the calls of an account (tenant/saved_searches.py)
    "saved_searches",
    METADATA,
    _text("id", primary_key=True),
    _app(),
    _text("account_id"),
    _number("owner"),  # users.id; 0: shared within the account
    sa.Column("author", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _text("name"),
    _text("name_key"),  # as names are compared
    _text("query"),
    _instant("saved_at"),
    sa.UniqueConstraint("app", "account_id", "owner", "name_key"),
)
report_schedules = sa.Table(  # reports that are due again and again (tenant/report_schedules.py)
    "report_schedules",
    METADATA,
    _text("id", primary_key=True),
    _app(),
    _text("account_id"),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _text("frequency"),
    _text("format"),
    _text("queues"),  # JSON; [] for all
    _text("recipients"),  # JSON; [] for the folder of reports
    _text("texts"),  # JSON: the texts of the report in the language of its user
    _instant("created_at"),
    _text("state"),
    _instant("due_at", required=False),
    _text("lease"),
    _number("attempts"),
    _text("error"),
    _instant("planned_at"),  # when the period of the next report has ended
    _instant("last_run_at", required=False),
    _text("last_result"),
    sa.Index(None, "app", "account_id"),
)
_report_is_due = report_schedules.c.state == "due"
sa.Index(
    "ix_report_schedules_due",
    report_schedules.c.app,
    report_schedules.c.due_at,
    sqlite_where=_report_is_due,
    postgresql_where=_report_is_due,
)
bulk_download_items = sa.Table(
    "bulk_download_items",
    METADATA,
    _app(),
    sa.Column("bulk_download", sa.Text, sa.ForeignKey("bulk_downloads.id", ondelete="CASCADE"), nullable=False),
    _number("number"),
    _text("file_name"),
    _text("call_id"),
    _instant("begin"),
    _instant("end"),
    _text("caller_no"),
    _text("callee_no"),
    _text("agent_id"),
    _text("queue"),
    sa.Column("size", sa.BigInteger, nullable=False),
    _text("sha256"),
    sa.Column("crc32", sa.BigInteger, nullable=False),
    _text("member_name"),
    sa.Column("zip_offset", sa.BigInteger, nullable=False),
    _text("missing_reason"),
    sa.PrimaryKeyConstraint("bulk_download", "number"),
    sa.Index(None, "bulk_download", "zip_offset"),
)

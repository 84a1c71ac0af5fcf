"""First tables."""

import sqlalchemy as sa
from alembic import op

from ccfs.db.schema import ByteText, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest = "0001"  # revision whose code still works on this schema; see docs/development.md


def upgrade() -> None:
    """Upgrade to this revision."""
    op.create_table(
        "address_failures",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_address_failures")),
    )
    op.create_table(
        "apps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ak", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apps")),
        sa.UniqueConstraint("ak", name=op.f("uq_apps_ak")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("logged_at", Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_action_logged_at"), "audit_log", ["action", "logged_at"], unique=False)
    op.create_table(
        "audit_calls",
        sa.Column("entry", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["audit_log.id"], name=op.f("fk_audit_calls_entry"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry", "call_id", name=op.f("pk_audit_calls")),
    )
    op.create_index(op.f("ix_audit_calls_app_call_id_entry"), "audit_calls", ["app", "call_id", "entry"], unique=False)
    op.create_index(op.f("ix_audit_log_actor_logged_at"), "audit_log", ["actor", "logged_at"], unique=False)
    op.create_index(op.f("ix_audit_log_app_logged_at"), "audit_log", ["app", "logged_at"], unique=False)
    op.create_index(op.f("ix_audit_log_logged_at"), "audit_log", ["logged_at"], unique=False)
    op.create_table(
        "change_counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_change_counters")),
    )
    op.create_table(
        "clock_times",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_clock_times")),
    )
    op.create_table(
        "location_checks",
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("checked_at", Instant(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", "location_id", name=op.f("pk_location_checks")),
    )
    op.create_table(
        "disk_samples",
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("sampled_at", Instant(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "sampled_at", name=op.f("pk_disk_samples")),
    )
    op.create_table(
        "location_moves",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("stored_before", Instant(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("total_files", sa.BigInteger(), nullable=True),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.BigInteger(), nullable=False),
        sa.Column("bytes_per_second", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location_moves")),
    )
    op.create_table(
        "compatible_revision",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_compatible_revision")),
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("is_virtual_hosted", sa.Boolean(), nullable=False),
        sa.Column("is_conditional", sa.Boolean(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("is_read_only", sa.Boolean(), nullable=False),
        sa.Column("is_draining", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("heartbeat_at", Instant(), nullable=False),
        sa.Column("certificate_expires_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "orphaned_blobs",
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner_table", sa.Text(), nullable=False),
        sa.Column("owner_row", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "key", name=op.f("pk_orphaned_blobs")),
    )
    op.create_index(op.f("ix_orphaned_blobs_app_due_at"), "orphaned_blobs", ["app", "due_at"], unique=False)
    op.create_table(
        "lost_blobs",
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("noticed_at", Instant(), nullable=False),
        sa.Column("tried_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "key", name=op.f("pk_lost_blobs")),
    )
    op.create_index(op.f("ix_lost_blobs_app_tried_at"), "lost_blobs", ["app", "tried_at"], unique=False)
    op.create_table(
        "retention_marks",
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("marked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "month", name=op.f("pk_retention_marks")),
    )
    op.create_table(
        "storage_statistics",
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "month", name=op.f("pk_storage_statistics")),
    )
    op.create_table(
        "trusted_certificates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_after", Instant(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trusted_certificates")),
    )
    op.create_table(
        "used_oidc_states",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_oidc_states")),
    )
    op.create_index(op.f("ix_used_oidc_states_expires_at"), "used_oidc_states", ["expires_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("encrypted_totp", sa.Text(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("last_seen_at", Instant(), nullable=True),
        sa.Column("preferences", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sa.UniqueConstraint("subject", name=op.f("uq_users_subject")),
    )
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("ak", sa.Text(), nullable=False),
        sa.Column("encrypted_sk", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_access_keys_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
    )
    op.create_index(op.f("ix_access_keys_ak"), "access_keys", ["ak"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("service_level_seconds", sa.Integer(), server_default="20", nullable=False),
        sa.Column("after_call_seconds", sa.Integer(), server_default="60", nullable=False),
        sa.Column("allows_links", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_accounts_app")),
        sa.PrimaryKeyConstraint("app", "account_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "agent_operations",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("service_no", sa.Text(), nullable=False),
        sa.Column("skill_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("end", Instant(), nullable=True),
        sa.Column("op_type", sa.Integer(), nullable=False),
        sa.Column("op_object", sa.Text(), nullable=False),
        sa.Column("op_cause", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Integer(), nullable=False),
        sa.Column("vdn_id", sa.Text(), nullable=False),
        sa.Column("cc_id", sa.Text(), nullable=False),
        sa.Column("agent_type", sa.Text(), nullable=False),
        sa.Column("phone_no", sa.Text(), nullable=False),
        sa.Column("call_direction", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("logon_sn", sa.Text(), nullable=False),
        sa.Column("skill_info_sn", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_agent_operations_app")),
        sa.PrimaryKeyConstraint("app", "id", "begin", name=op.f("pk_agent_operations")),
        postgresql_partition_by="RANGE (begin)",
    )
    op.create_index(
        op.f("ix_agent_operations_app_account_id_agent_id_end"),
        "agent_operations",
        ["app", "account_id", "agent_id", "end"],
        unique=False,
    )
    op.create_index(
        op.f("ix_agent_operations_app_account_id_begin_agent_id"),
        "agent_operations",
        ["app", "account_id", "begin", "agent_id"],
        unique=False,
    )
    op.create_index(op.f("ix_agent_operations_app_begin"), "agent_operations", ["app", "begin"], unique=False)
    op.create_index(
        "ix_agent_operations_call",
        "agent_operations",
        ["app", "call_id"],
        unique=False,
        sqlite_where=sa.text("call_id != ''"),
        postgresql_where=sa.text("call_id != ''"),
    )
    op.create_table(
        "agent_skill_changes",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("sub_cc_no", sa.Integer(), nullable=False),
        sa.Column("vdn", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("operate_time", Instant(), nullable=False),
        sa.Column("operate_id", sa.Integer(), nullable=False),
        sa.Column("operate_type", sa.Integer(), nullable=False),
        sa.Column("skill_list", sa.Text(), nullable=False),
        sa.Column("logon_sn", sa.Text(), nullable=False),
        sa.Column("operate_sn", sa.Integer(), nullable=False),
        sa.Column("operate_end_time", Instant(), nullable=True),
        sa.Column("renew_flag", sa.Integer(), nullable=False),
        sa.Column("update_time", Instant(), nullable=True),
        sa.Column("month_of_year", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_agent_skill_changes_app")),
        sa.PrimaryKeyConstraint("app", "id", "operate_time", name=op.f("pk_agent_skill_changes")),
        postgresql_partition_by="RANGE (operate_time)",
    )
    op.create_index(
        op.f("ix_agent_skill_changes_app_operate_time"), "agent_skill_changes", ["app", "operate_time"], unique=False
    )
    op.create_table(
        "annotations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("offset_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_annotations_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotations")),
    )
    op.create_index(
        op.f("ix_annotations_app_account_id_created_at_id"),
        "annotations",
        ["app", "account_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_annotations_app_recording"), "annotations", ["app", "recording"], unique=False)
    op.create_table(
        "bulk_downloads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("is_truncated", sa.Boolean(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("files_end", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", Instant(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("index_size", sa.BigInteger(), nullable=True),
        sa.Column("index_crc32", sa.BigInteger(), nullable=True),
        sa.Column("missing_size", sa.BigInteger(), nullable=True),
        sa.Column("missing_crc32", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_bulk_downloads_app")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_bulk_downloads_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_downloads")),
    )
    op.create_index(
        op.f("ix_bulk_downloads_app_user_id_requested_at"),
        "bulk_downloads",
        ["app", "user_id", "requested_at"],
        unique=False,
    )
    op.create_index(
        "ix_bulk_downloads_due",
        "bulk_downloads",
        ["app", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "ix_bulk_downloads_leased",
        "bulk_downloads",
        ["app"],
        unique=False,
        sqlite_where=sa.text("state = 'due' AND lease != ''"),
        postgresql_where=sa.text("state = 'due' AND lease != ''"),
    )
    op.create_index(op.f("ix_bulk_downloads_requested_at"), "bulk_downloads", ["requested_at"], unique=False)
    op.create_table(
        "call_statistics",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("counted_version", sa.BigInteger(), nullable=False),
        sa.Column("statistics", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_call_statistics_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "begin", name=op.f("pk_call_statistics")),
    )
    op.create_index(
        "ix_call_statistics_old",
        "call_statistics",
        ["begin"],
        unique=False,
        sqlite_where=sa.text("version != counted_version"),
        postgresql_where=sa.text("version != counted_version"),
    )
    op.create_table(
        "daily_statistics",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("end", Instant(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("counted_version", sa.BigInteger(), nullable=False),
        sa.Column("statistics", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_daily_statistics_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "begin", name=op.f("pk_daily_statistics")),
    )
    op.create_index(
        "ix_daily_statistics_old",
        "daily_statistics",
        ["end"],
        unique=False,
        sqlite_where=sa.text("version != counted_version"),
        postgresql_where=sa.text("version != counted_version"),
    )
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Integer(), nullable=False),
        sa.Column("author", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_saved_searches_app")),
        sa.ForeignKeyConstraint(["author"], ["users.id"], name=op.f("fk_saved_searches_author"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint(
            "app", "account_id", "owner", "name_key", name=op.f("uq_saved_searches_app_account_id_owner_name_key")
        ),
    )
    op.create_table(
        "report_schedules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("planned_at", Instant(), nullable=False),
        sa.Column("last_run_at", Instant(), nullable=True),
        sa.Column("last_result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_report_schedules_app")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_report_schedules_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedules")),
    )
    op.create_index(op.f("ix_report_schedules_app_account_id"), "report_schedules", ["app", "account_id"], unique=False)
    op.create_table(
        "guest_links",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("shows_date", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("max_plays", sa.Integer(), nullable=False),
        sa.Column("plays", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_played_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_guest_links_app")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_guest_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_guest_links_digest")),
    )
    op.create_index(op.f("ix_guest_links_app_recording"), "guest_links", ["app", "recording"], unique=False)
    op.create_index(op.f("ix_guest_links_app_account_id_id"), "guest_links", ["app", "account_id", "id"], unique=False)
    op.create_index(op.f("ix_guest_links_expires_at"), "guest_links", ["expires_at"], unique=False)
    op.create_index(
        "ix_report_schedules_due",
        "report_schedules",
        ["app", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_table(
        "app_limits",
        sa.Column("app", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("concurrent_downloads", sa.Integer(), nullable=True),
        sa.Column("concurrent_queries", sa.Integer(), nullable=True),
        sa.Column("downloads_per_minute", sa.Integer(), nullable=True),
        sa.Column("queries_per_minute", sa.Integer(), nullable=True),
        sa.Column("bytes_per_second", sa.Integer(), nullable=True),
        sa.Column("queued_exports", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_app_limits_app")),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_app_limits")),
    )
    op.create_table(
        "callback_prefixes",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("may_be_private", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_callback_prefixes_app")),
        sa.PrimaryKeyConstraint("app", "prefix", name=op.f("pk_callback_prefixes")),
    )
    op.create_table(
        "cdrs",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cc_id", sa.Text(), nullable=False),
        sa.Column("vdn_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("call_id_num", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("caller_no", sa.Text(), nullable=False),
        sa.Column("callee_no", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("wait_begin", Instant(), nullable=True),
        sa.Column("wait_end", Instant(), nullable=True),
        sa.Column("ack_begin", Instant(), nullable=True),
        sa.Column("ack_end", Instant(), nullable=True),
        sa.Column("call_begin", Instant(), nullable=True),
        sa.Column("call_end", Instant(), nullable=True),
        sa.Column("device_type", sa.Integer(), nullable=False),
        sa.Column("device_no", sa.Integer(), nullable=False),
        sa.Column("call_type", sa.Integer(), nullable=False),
        sa.Column("release_cause", sa.Integer(), nullable=False),
        sa.Column("pre_device_type", sa.Integer(), nullable=False),
        sa.Column("pre_device_no", sa.Integer(), nullable=False),
        sa.Column("leave_reason", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Integer(), nullable=False),
        sa.Column("sub_media_type", sa.Integer(), nullable=False),
        sa.Column("user_wanted_skill_id", sa.Text(), nullable=False),
        sa.Column("current_skill_id", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("switch_call_id", sa.Text(), nullable=False),
        sa.Column("switch_leg_id", sa.Text(), nullable=False),
        sa.Column("leg_order", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("talk_seconds", sa.Integer(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("caller_key", sa.Text(), nullable=False),
        sa.Column("callee_key", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_cdrs_app")),
        sa.PrimaryKeyConstraint("app", "begin", "account_id", "source_key", name=op.f("pk_cdrs")),
        postgresql_partition_by="RANGE (begin)",
    )
    op.create_index(op.f("ix_cdrs_app_call_id"), "cdrs", ["app", "call_id"], unique=False)
    op.create_index(
        "ix_cdrs_app_other_leg",
        "cdrs",
        ["app", "switch_leg_id"],
        unique=False,
        sqlite_where=sa.text("switch_leg_id != switch_call_id"),
        postgresql_where=sa.text("switch_leg_id != switch_call_id"),
    )
    op.create_index(
        "ix_cdrs_search_agent_id",
        "cdrs",
        ["app", "account_id", "agent_id", "begin", "talk_seconds", "direction"],
        unique=False,
        sqlite_where=sa.text("agent_id != ''"),
        postgresql_where=sa.text("agent_id != ''"),
    )
    op.create_index("ix_cdrs_search_begin", "cdrs", ["app", "account_id", "begin", "talk_seconds"], unique=False)
    op.create_index(
        "ix_cdrs_search_callee_no",
        "cdrs",
        ["app", "account_id", "callee_no", "begin", "talk_seconds", "direction"],
        unique=False,
        sqlite_where=sa.text("callee_no != ''"),
        postgresql_where=sa.text("callee_no != ''"),
    )
    op.create_index(
        "ix_cdrs_search_caller_name",
        "cdrs",
        ["app", "account_id", "caller_name", "begin", "talk_seconds", "direction"],
        unique=False,
        sqlite_where=sa.text("caller_name != ''"),
        postgresql_where=sa.text("caller_name != ''"),
    )
    op.create_index(
        "ix_cdrs_search_caller_no",
        "cdrs",
        ["app", "account_id", "caller_no", "begin", "talk_seconds", "direction"],
        unique=False,
        sqlite_where=sa.text("caller_no != ''"),
        postgresql_where=sa.text("caller_no != ''"),
    )
    op.create_index(
        "ix_cdrs_search_current_skill_id",
        "cdrs",
        ["app", "account_id", "current_skill_id", "begin", "talk_seconds", "direction"],
        unique=False,
        sqlite_where=sa.text("current_skill_id != ''"),
        postgresql_where=sa.text("current_skill_id != ''"),
    )
    op.create_index(
        "ix_cdrs_search_direction", "cdrs", ["app", "account_id", "direction", "begin", "talk_seconds"], unique=False
    )
    op.create_index(
        "ix_cdrs_search_talk", "cdrs", ["app", "account_id", "talk_seconds", "begin", "direction"], unique=False
    )
    op.create_index(
        "ix_cdrs_search_wait", "cdrs", ["app", "account_id", "wait_seconds", "begin", "direction"], unique=False
    )
    op.create_table(
        "channel_events",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("switch_leg_id", sa.Text(), nullable=False),
        sa.Column("switch_call_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_channel_events_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "switch_leg_id", name=op.f("pk_channel_events")),
    )
    op.create_index(
        op.f("ix_channel_events_app_account_id_switch_call_id"),
        "channel_events",
        ["app", "account_id", "switch_call_id"],
        unique=False,
    )
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_console_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_console_sessions")),
    )
    op.create_index(op.f("ix_console_sessions_seen_at"), "console_sessions", ["seen_at"], unique=False)
    op.create_index(op.f("ix_console_sessions_user_id"), "console_sessions", ["user_id"], unique=False)
    op.create_table(
        "console_notes",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_console_notes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_console_notes")),
    )
    op.create_index(op.f("ix_console_notes_expires_at"), "console_notes", ["expires_at"], unique=False)
    op.create_index(op.f("ix_console_notes_user_id"), "console_notes", ["user_id"], unique=False)
    op.create_table(
        "device_numbers",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_device_numbers_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "kind", "name", name=op.f("pk_device_numbers")),
        sa.UniqueConstraint(
            "app", "account_id", "kind", "number", name=op.f("uq_device_numbers_app_account_id_kind_number")
        ),
    )
    op.create_table(
        "expected_recordings",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("is_optional", sa.Boolean(), nullable=False),
        sa.Column("missing_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_expected_recordings_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "path", "call_id", name=op.f("pk_expected_recordings")),
    )
    op.create_index(
        op.f("ix_expected_recordings_app_stem_account_id"),
        "expected_recordings",
        ["app", "stem", "account_id"],
        unique=False,
    )
    op.create_index(op.f("ix_expected_recordings_app_since"), "expected_recordings", ["app", "since"], unique=False)
    op.create_index(
        op.f("ix_expected_recordings_app_account_id_since"),
        "expected_recordings",
        ["app", "account_id", "since"],
        unique=False,
    )
    op.create_index(
        "ix_expected_recordings_missing",
        "expected_recordings",
        ["app", "account_id", "since"],
        unique=False,
        sqlite_where=sa.text("missing_at IS NOT NULL"),
        postgresql_where=sa.text("missing_at IS NOT NULL"),
    )
    op.create_table(
        "exports",
        sa.Column("response_id", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tables", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("end", Instant(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("caller_no", sa.Text(), nullable=False),
        sa.Column("callee_no", sa.Text(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("crc32", sa.BigInteger(), nullable=True),
        sa.Column("ready_at", Instant(), nullable=True),
        sa.Column("expiry_marked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_exports_app")),
        sa.PrimaryKeyConstraint("response_id", name=op.f("pk_exports")),
        sa.UniqueConstraint("app", "file_name", name=op.f("uq_exports_app_file_name")),
    )
    op.create_index(op.f("ix_exports_app_requested_at"), "exports", ["app", "requested_at"], unique=False)
    op.create_index(
        "ix_exports_due",
        "exports",
        ["app", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "ix_exports_leased",
        "exports",
        ["app"],
        unique=False,
        sqlite_where=sa.text("state = 'due' AND lease != ''"),
        postgresql_where=sa.text("state = 'due' AND lease != ''"),
    )
    op.create_index(
        "ix_exports_failed",
        "exports",
        ["app", "requested_at"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_exports_ready",
        "exports",
        ["ready_at"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "ingest_errors",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rejected_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_ingest_errors_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_errors")),
        sa.UniqueConstraint(
            "app", "file", "line", "reason", "digest", name=op.f("uq_ingest_errors_app_file_line_reason_digest")
        ),
    )
    op.create_index(op.f("ix_ingest_errors_app_id"), "ingest_errors", ["app", "id"], unique=False)
    op.create_table(
        "account_domains",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_account_domains_app")),
        sa.PrimaryKeyConstraint("app", "source", "account_id", "domain", name=op.f("pk_account_domains")),
    )
    op.create_table(
        "unassigned_records",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("leg_id", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_unassigned_records_app")),
        sa.PrimaryKeyConstraint("app", "source", "source_key", name=op.f("pk_unassigned_records")),
    )
    op.create_index(
        op.f("ix_unassigned_records_app_file_line"), "unassigned_records", ["app", "file", "line"], unique=False
    )
    op.create_index(
        op.f("ix_unassigned_records_app_source_call_id"),
        "unassigned_records",
        ["app", "source", "call_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_unassigned_records_app_source_domain"), "unassigned_records", ["app", "source", "domain"], unique=False
    )
    op.create_index(
        op.f("ix_unassigned_records_app_source_is_listed"),
        "unassigned_records",
        ["app", "source", "is_listed"],
        unique=False,
    )
    op.create_index(
        op.f("ix_unassigned_records_app_source_leg_id"), "unassigned_records", ["app", "source", "leg_id"], unique=False
    )
    op.create_index(
        op.f("ix_unassigned_records_app_source_rules"), "unassigned_records", ["app", "source", "rules"], unique=False
    )
    op.create_index(op.f("ix_unassigned_records_app_seen_at"), "unassigned_records", ["app", "seen_at"], unique=False)
    op.create_table(
        "leg_links",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("end", Instant(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_leg_links_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "link", "begin", "source_key", name=op.f("pk_leg_links")),
    )
    op.create_table(
        "member_names",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_member_names_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "name", name=op.f("pk_member_names")),
    )
    op.create_table(
        "play_tokens",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_play_tokens_app")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_play_tokens")),
    )
    op.create_index(op.f("ix_play_tokens_expires_at"), "play_tokens", ["expires_at"], unique=False)
    op.create_table(
        "queue_visits",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("switch_leg_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("entered_at", Instant(), nullable=True),
        sa.Column("rang_at", Instant(), nullable=True),
        sa.Column("connected_at", Instant(), nullable=True),
        sa.Column("left_at", Instant(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_queue_visits_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "switch_leg_id", "queue", name=op.f("pk_queue_visits")),
    )
    op.create_index(
        "ix_queue_visits_waiting",
        "queue_visits",
        ["app", "account_id", "entered_at"],
        unique=False,
        sqlite_where=sa.text("connected_at IS NULL AND left_at IS NULL"),
        postgresql_where=sa.text("connected_at IS NULL AND left_at IS NULL"),
    )
    op.create_table(
        "recording_sources",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.Column("stored_at", Instant(), nullable=False),
        sa.Column("replaced_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_recording_sources_app")),
        sa.PrimaryKeyConstraint("app", "path", "source_sha256", name=op.f("pk_recording_sources")),
    )
    op.create_index(
        op.f("ix_recording_sources_app_stem_account_id"),
        "recording_sources",
        ["app", "stem", "account_id"],
        unique=False,
    )
    op.create_index(op.f("ix_recording_sources_app_recording"), "recording_sources", ["app", "recording"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cc_id", sa.Text(), nullable=False),
        sa.Column("vdn_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("caller_no", sa.Text(), nullable=False),
        sa.Column("callee_no", sa.Text(), nullable=False),
        sa.Column("call_begin", Instant(), nullable=False),
        sa.Column("call_end", Instant(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("original_file_name", sa.Text(), nullable=False),
        sa.Column("call_type", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Integer(), nullable=False),
        sa.Column("task_status", sa.Integer(), nullable=False),
        sa.Column("task_result", sa.Text(), nullable=False),
        sa.Column("user_wanted_skill_id", sa.Text(), nullable=False),
        sa.Column("current_skill_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_recordings_app")),
        sa.PrimaryKeyConstraint("app", "file_name", "month", name=op.f("pk_recordings")),
        postgresql_partition_by="RANGE (month)",
    )
    op.create_index(op.f("ix_recordings_app_call_begin"), "recordings", ["app", "call_begin"], unique=False)
    op.create_index(op.f("ix_recordings_app_call_id"), "recordings", ["app", "call_id"], unique=False)
    op.create_index(
        op.f("ix_recordings_app_original_file_name"), "recordings", ["app", "original_file_name"], unique=False
    )
    op.create_index(
        op.f("ix_recordings_location_id_created_at_size"),
        "recordings",
        ["location_id", "created_at", "size"],
        unique=False,
    )
    op.create_table(
        "search_keys",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("key", ByteText, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_search_keys_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "kind", "key", "value", name=op.f("pk_search_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_values",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("last_month", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_search_values_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "kind", "value", name=op.f("pk_search_values")),
    )
    op.create_index(op.f("ix_search_values_app_last_month"), "search_values", ["app", "last_month"], unique=False)
    op.create_table(
        "setup_links",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_setup_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_setup_links")),
    )
    op.create_table(
        "rotated_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("is_reported", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_rotated_files_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rotated_files")),
    )
    op.create_index(op.f("ix_rotated_files_app_source"), "rotated_files", ["app", "source"], unique=False)
    op.create_table(
        "source_cursors",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("first_line", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_source_cursors_app")),
        sa.PrimaryKeyConstraint("app", "path", name=op.f("pk_source_cursors")),
    )
    op.create_table(
        "source_files",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_source_files_app")),
        sa.PrimaryKeyConstraint("app", "path", name=op.f("pk_source_files")),
    )
    op.create_index(op.f("ix_source_files_app_state"), "source_files", ["app", "state"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_user_roles_app"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_roles")),
    )
    op.create_index(op.f("ix_user_roles_user_id"), "user_roles", ["user_id"], unique=False)
    op.create_table(
        "voice_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("vdn_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("first_location_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_voice_files_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice_files")),
        sa.UniqueConstraint("app", "file_name", name=op.f("uq_voice_files_app_file_name")),
    )
    op.create_index(op.f("ix_voice_files_app_folder"), "voice_files", ["app", "folder"], unique=False)
    op.create_index(
        op.f("ix_voice_files_location_id_created_at"), "voice_files", ["location_id", "created_at"], unique=False
    )
    op.create_table(
        "waveforms",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_waveforms_app")),
        sa.PrimaryKeyConstraint("app", "recording", name=op.f("pk_waveforms")),
    )
    op.create_index(op.f("ix_waveforms_app_created_at"), "waveforms", ["app", "created_at"], unique=False)
    op.create_table(
        "speech_activity",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("lanes", sa.Integer(), nullable=False),
        sa.Column("runs", sa.LargeBinary(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=True),
        sa.Column("measured_ms", sa.Integer(), nullable=True),
        sa.Column("silence_ms", sa.Integer(), nullable=True),
        sa.Column("longest_silence_ms", sa.Integer(), nullable=True),
        sa.Column("stereo_ms", sa.Integer(), nullable=True),
        sa.Column("overlap_ms", sa.Integer(), nullable=True),
        sa.Column("caller_ms", sa.Integer(), nullable=True),
        sa.Column("agent_ms", sa.Integer(), nullable=True),
        sa.Column("computed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_speech_activity_app")),
        sa.PrimaryKeyConstraint("app", "recording", name=op.f("pk_speech_activity")),
    )
    op.create_index(
        "ix_speech_activity_due",
        "speech_activity",
        ["app", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "ix_speech_activity_failed",
        "speech_activity",
        ["app"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_speech_activity_leased",
        "speech_activity",
        ["app"],
        unique=False,
        sqlite_where=sa.text("state = 'due' AND lease != ''"),
        postgresql_where=sa.text("state = 'due' AND lease != ''"),
    )
    op.create_table(
        "speech_statistics",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("measured_ms", sa.BigInteger(), nullable=False),
        sa.Column("silence_ms", sa.BigInteger(), nullable=False),
        sa.Column("stereo_ms", sa.BigInteger(), nullable=False),
        sa.Column("overlap_ms", sa.BigInteger(), nullable=False),
        sa.Column("caller_ms", sa.BigInteger(), nullable=False),
        sa.Column("agent_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_speech_statistics_app")),
        sa.PrimaryKeyConstraint("app", "account_id", "day", "agent_id", "queue", name=op.f("pk_speech_statistics")),
    )
    op.create_table(
        "speech_totals",
        sa.Column("app", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("analysed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_speech_totals_app")),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_speech_totals")),
    )
    op.create_table(
        "bulk_download_items",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("bulk_download", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("begin", Instant(), nullable=False),
        sa.Column("end", Instant(), nullable=False),
        sa.Column("caller_no", sa.Text(), nullable=False),
        sa.Column("callee_no", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("member_name", sa.Text(), nullable=False),
        sa.Column("zip_offset", sa.BigInteger(), nullable=False),
        sa.Column("missing_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_bulk_download_items_app")),
        sa.ForeignKeyConstraint(
            ["bulk_download"],
            ["bulk_downloads.id"],
            name=op.f("fk_bulk_download_items_bulk_download"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("bulk_download", "number", name=op.f("pk_bulk_download_items")),
    )
    op.create_index(
        op.f("ix_bulk_download_items_bulk_download_zip_offset"),
        "bulk_download_items",
        ["bulk_download", "zip_offset"],
        unique=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("export", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_deliveries_app")),
        sa.ForeignKeyConstraint(["export"], ["exports.response_id"], name=op.f("fk_deliveries_export")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_app_created_at"), "deliveries", ["app", "created_at"], unique=False)
    op.create_index(op.f("ix_deliveries_app_export"), "deliveries", ["app", "export"], unique=False)
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["app", "receiver"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["lane", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_table(
        "vdns",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("vdn_id", sa.Integer(), nullable=False),
        sa.Column("cc_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["app", "account_id"], ["accounts.app", "accounts.account_id"], name=op.f("fk_vdns_app_account_id")
        ),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_vdns_app")),
        sa.PrimaryKeyConstraint("app", "vdn_id", "cc_id", name=op.f("pk_vdns")),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("attempted_at", Instant(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_delivery_attempts_app")),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
    )
    op.create_index(op.f("ix_delivery_attempts_delivery"), "delivery_attempts", ["delivery"], unique=False)
    op.create_table(
        "evaluation_forms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_retired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_evaluation_forms_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_forms")),
    )
    op.create_index(op.f("ix_evaluation_forms_app_account_id"), "evaluation_forms", ["app", "account_id"], unique=False)
    op.create_table(
        "calibrations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("call_begin", Instant(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("form", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_calibrations_app")),
        sa.ForeignKeyConstraint(["form"], ["evaluation_forms.id"], name=op.f("fk_calibrations_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibrations")),
    )
    op.create_index(
        op.f("ix_calibrations_app_account_id_call_id"), "calibrations", ["app", "account_id", "call_id"], unique=False
    )
    op.create_index(
        op.f("ix_calibrations_app_account_id_created_at"),
        "calibrations",
        ["app", "account_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_calibrations_app_call_begin"), "calibrations", ["app", "call_begin"], unique=False)
    op.create_table(
        "evaluation_form_versions",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("form", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_evaluation_form_versions_app")),
        sa.ForeignKeyConstraint(["form"], ["evaluation_forms.id"], name=op.f("fk_evaluation_form_versions_form")),
        sa.PrimaryKeyConstraint("app", "form", "version", name=op.f("pk_evaluation_form_versions")),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("call_begin", Instant(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("form", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scorer", sa.Text(), nullable=False),
        sa.Column("calibration", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("is_failed", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("evaluated_at", Instant(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("responded_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_evaluations_app")),
        sa.ForeignKeyConstraint(["form"], ["evaluation_forms.id"], name=op.f("fk_evaluations_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint(
            "app", "account_id", "call_id", "agent_id", "form", "scorer", "calibration", name="uq_evaluations_once"
        ),
    )
    op.create_index(
        op.f("ix_evaluations_app_account_id_agent_id_evaluated_at"),
        "evaluations",
        ["app", "account_id", "agent_id", "evaluated_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_evaluations_app_account_id_evaluated_at_id"),
        "evaluations",
        ["app", "account_id", "evaluated_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_evaluations_app_call_begin"), "evaluations", ["app", "call_begin"], unique=False)
    op.create_table(
        "sampled_calls",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("call_begin", Instant(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_sampled_calls_app")),
        sa.ForeignKeyConstraint(["form"], ["evaluation_forms.id"], name=op.f("fk_sampled_calls_form")),
        sa.PrimaryKeyConstraint("app", "account_id", "call_id", name=op.f("pk_sampled_calls")),
    )
    op.create_index(
        op.f("ix_sampled_calls_app_account_id_state_call_begin"),
        "sampled_calls",
        ["app", "account_id", "state", "call_begin"],
        unique=False,
    )
    op.create_index(op.f("ix_sampled_calls_app_call_begin"), "sampled_calls", ["app", "call_begin"], unique=False)
    op.create_table(
        "sampling_rules",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("form", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("min_talk_seconds", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("drawn_until", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_sampling_rules_app")),
        sa.ForeignKeyConstraint(["form"], ["evaluation_forms.id"], name=op.f("fk_sampling_rules_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sampling_rules")),
    )
    op.create_index(op.f("ix_sampling_rules_app_account_id"), "sampling_rules", ["app", "account_id"], unique=False)
    op.create_table(
        "calibration_scorers",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("calibration", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scorer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_calibration_scorers_app")),
        sa.ForeignKeyConstraint(
            ["calibration"], ["calibrations.id"], name=op.f("fk_calibration_scorers_calibration"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("calibration", "scorer", name=op.f("pk_calibration_scorers")),
    )
    op.create_table(
        "evaluation_revisions",
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("is_failed", sa.Boolean(), nullable=False),
        sa.Column("evaluated_at", Instant(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("responded_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.id"], name=op.f("fk_evaluation_revisions_app")),
        sa.ForeignKeyConstraint(
            ["evaluation"], ["evaluations.id"], name=op.f("fk_evaluation_revisions_evaluation"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("evaluation", "revision", name=op.f("pk_evaluation_revisions")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE agent_operations_early PARTITION OF agent_operations FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00+00')"
        )
        op.execute(
            "CREATE TABLE agent_operations_late PARTITION OF agent_operations FOR VALUES FROM ('2100-01-01 00:00+00') TO (MAXVALUE)"
        )
        op.execute(
            "CREATE TABLE agent_skill_changes_early PARTITION OF agent_skill_changes FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00+00')"
        )
        op.execute(
            "CREATE TABLE agent_skill_changes_late PARTITION OF agent_skill_changes FOR VALUES FROM ('2100-01-01 00:00+00') TO (MAXVALUE)"
        )
        op.execute("CREATE TABLE cdrs_early PARTITION OF cdrs FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00+00')")
        op.execute("CREATE TABLE cdrs_late PARTITION OF cdrs FOR VALUES FROM ('2100-01-01 00:00+00') TO (MAXVALUE)")
        op.execute("CREATE TABLE recordings_early PARTITION OF recordings FOR VALUES FROM (MINVALUE) TO (200001)")
        op.execute("CREATE TABLE recordings_late PARTITION OF recordings FOR VALUES FROM (210001) TO (MAXVALUE)")

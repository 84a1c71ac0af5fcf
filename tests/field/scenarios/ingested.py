"""Rows and recordings that ingest has stored, by call."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, Row

_CDR_COLUMNS = (
    *(
        "call_id",
        "call_id_num",
        "agent_id",
        "caller_no",
        "callee_no",
        "begin",
        "wait_begin",
        "wait_end",
        "ack_begin",
        "ack_end",
    ),
    *("call_begin", "call_end", "call_type", "release_cause", "leave_reason", "user_wanted_skill_id"),
    *("current_skill_id", "device_type"),
    *("switch_leg_id", "switch_call_id", "leg_order"),
)
_RECORDING_COLUMNS = ("call_id", "agent_id", "call_type", "source_name")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What is stored of a switch's calls."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))  # by callId, in order
    call_ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by channel
    recordings: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))  # by callId


def read_ingested(site: IngestSite) -> Ingested:
    """Read all rows of the site."""
    ingested = Ingested()
    for row in sorted(_read_table(site, schema.cdrs, _CDR_COLUMNS), key=lambda row: row["leg_order"]):
        ingested.rows[row["call_id"]].append(row)
        ingested.call_ids[row["switch_leg_id"]].add(row["call_id"])
    for row in _read_table(site, schema.recordings, _RECORDING_COLUMNS):
        ingested.recordings[row["call_id"]].append(row)
    return ingested


def _read_table(site: IngestSite, table: Any, columns: tuple[str, ...]) -> list[Row]:
    return [dict(zip(columns, values, strict=True)) for values in site.read_rows(table, *columns)]

"""Compare what two sites have ingested: rows without what may differ between two runs."""

from collections import Counter
from pathlib import Path
from typing import Any

from ccfs.model.calls.cdr import DeviceType
from tests.ingest.ingest_site import IngestSite

_VARYING = {
    "cdrs": ("id", "created_at", "pre_device_no", "device_no"),
    "agent_operations": ("id",),
    "queue_visits": (),
    "member_names": (),
    "expected_recordings": ("missing_at",),
}
_RECORDING_COLUMNS: tuple[str, ...] = (
    "account_id",
    "vdn_id",
    "agent_id",
    "call_id",
    "caller_no",
    "callee_no",
    "call_begin",
    "call_end",
)
_RECORDING_COLUMNS += ("call_type", "source_sha256", "source_name", "sha256", "size")

Rows = Counter[str]


def load_rows(site: IngestSite) -> dict[str, Rows]:
    """Return the rows of each table as texts: devices by name, rejections without file and line, which rotation changes."""
    tables = site.read_tables()
    devices = {(row["kind"], row["number"]): row["name"] for row in tables["device_numbers"]}
    numbers = {row["name"]: row["agent"] for row in tables["member_names"]}
    for row in tables["queue_visits"]:  # a visit has the name that its line had; readers resolve it
        row["agent"] = numbers.get(row["agent"], row["agent"])
    for row in tables["cdrs"]:
        for kind, number in (("device_type", "device_no"), ("pre_device_type", "pre_device_no")):
            row[f"{number} name"] = devices.get((row[kind], row[number]), "") if row[kind] != DeviceType.NONE else ""
    rows = {name: _count(tables[name], leave_out=columns) for name, columns in _VARYING.items()}
    rows["recordings"] = Counter(str({name: row[name] for name in _RECORDING_COLUMNS}) for row in tables["recordings"])
    rows["rejections"] = Counter(
        str((row["reason"], row["raw"], "" if row["line"] else Path(row["file"]).name))
        for row in tables["ingest_errors"]
    )
    return rows


def _count(rows: list[dict[str, Any]], leave_out: tuple[str, ...]) -> Rows:
    return Counter(str({key: value for key, value in row.items() if key not in leave_out}) for row in rows)


def find_differences(expected: dict[str, Rows], found: dict[str, Rows]) -> dict[str, dict[str, list[str]]]:
    """Return what is lost and what is too many in each table that differs."""
    differences = {}
    for name, rows in expected.items():
        lost, extra = rows - found[name], found[name] - rows
        if lost or extra:
            differences[name] = {"lost": sorted(lost.elements()), "extra": sorted(extra.elements())}
    return differences

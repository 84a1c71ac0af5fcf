"""Ten million CDR rows on PostgreSQL, compared with a tenth of them: export of a day, look-ups by name, bytes per row.

    python -m tests.soak.many_rows [ROWS [URL]]

A day has ROWS_PER_DAY rows in both databases; every fifth row has a recording. Prints one JSON object. Exits with 1 if the export of
a day takes over a fifth more or less time from the large database.
"""

import json
import random
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import Database, open_database
from ccfs.db.export_csv import iter_csv_chunks
from ccfs.db.migrations.runner import upgrade
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import cdrs
from ccfs.model.calls import partition_month
from ccfs.model.exports.export import ExportFilter
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests import databases, servers

APP = App(id=1, ak="SOAKAK0001", name="soak")
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
ROWS_PER_DAY = 20_000
DAY = timedelta(days=1)
ROUNDS, LOOK_UPS = 15, 400
MIN_RATIO, MAX_RATIO = 0.8, 1.2  # of the times of a day's export

_CALL_TIME_SQL = f"TIMESTAMPTZ '2024-01-01 00:00+00' + n * INTERVAL '1 day' / {ROWS_PER_DAY}"
_CALL_ID_SQL = f"({int(FIRST_DAY.timestamp())} + n * 86400 / {ROWS_PER_DAY}) || '-' || n"
_CDR_COLUMNS = {
    "app": "1", "account_id": "'100'", "cc_id": "'1'", "vdn_id": "'8'", "call_id": _CALL_ID_SQL, "call_id_num": "-1",
    "agent_id": "(1000 + n % 400)::text", "caller_no": "'0207946' || (1000 + n % 9000)", "callee_no": "'600'",
    "begin": _CALL_TIME_SQL, "wait_begin": _CALL_TIME_SQL, "wait_end": f"{_CALL_TIME_SQL} + INTERVAL '9 s'", "ack_begin": f"{_CALL_TIME_SQL} + INTERVAL '9 s'",
    "ack_end": f"{_CALL_TIME_SQL} + INTERVAL '12 s'", "call_begin": f"{_CALL_TIME_SQL} + INTERVAL '12 s'", "call_end": f"{_CALL_TIME_SQL} + INTERVAL '180 s'",
    "device_type": "2", "device_no": "1000 + n % 400", "call_type": "0", "release_cause": "16", "pre_device_type": "1",
    "pre_device_no": "7", "leave_reason": "0", "media_type": "5", "sub_media_type": "0", "user_wanted_skill_id": "'support'",
    "current_skill_id": "'support'", "caller_name": "''", "switch_call_id": f"replace({_CALL_ID_SQL}, '-', '.')",
    "switch_leg_id": f"replace({_CALL_ID_SQL}, '-', '.')", "leg_order": "'00000001704067200.000' || chr(9)", "source_key": "md5(n::text)",
}  # fmt: skip
_DATED_PATH_SQL = f"to_char(({_CALL_TIME_SQL}) AT TIME ZONE 'UTC', 'YYYYMMDD') || '/' || (1000 + n % 400) || '/' || n"
_RECORDING_COLUMNS = {
    "app": "1", "month": f"to_char(({_CALL_TIME_SQL}) AT TIME ZONE 'UTC', 'YYYYMM')::int", "account_id": "'100'", "cc_id": "'1'",
    "vdn_id": "'8'", "agent_id": "(1000 + n % 400)::text", "call_id": _CALL_ID_SQL, "caller_no": "'0207946' || (1000 + n % 9000)",
    "callee_no": "'600'", "call_begin": _CALL_TIME_SQL, "call_end": f"{_CALL_TIME_SQL} + INTERVAL '168 s'",
    "file_name": f"'/0/1/record/SOAKAK0001/100/' || {_DATED_PATH_SQL} || '.wav'", "original_file_name": f"'Y:/8/0/' || {_DATED_PATH_SQL} || '.V3'",
    "call_type": "0", "media_type": "5", "task_status": "0", "task_result": "''", "user_wanted_skill_id": "'support'",
    "current_skill_id": "'support'", "location_id": "'0'", "key": "'1/recordings/20240101/' || md5(n::text) || '.wav'",
    "size": "1344044", "sha256": "md5(n::text) || md5(n::text)", "crc32": "n", "source_sha256": "md5(n::text) || md5(n::text)",
    "source_name": f"replace({_CALL_ID_SQL}, '-', '.') || '.wav'", "created_at": _CALL_TIME_SQL,
}  # fmt: skip


def create_filled_database(url: str, rows: int) -> Database:
    """Create a database that generates so many CDRs, and analyse it."""
    database = open_database(url)
    upgrade(database)
    days = -(-rows // ROWS_PER_DAY)
    months = {partition_month.month_key(FIRST_DAY + day * DAY) for day in range(days)}
    with database.write_transaction() as connection:
        connection.exec_driver_sql(f"INSERT INTO apps (id, ak, name, created_at) VALUES (1, '{APP.ak}', 'soak', now())")
        for table in (schema.cdrs, schema.recordings):
            partitions.ensure(connection, table, months)
    for table, cells, step in ((schema.cdrs, _CDR_COLUMNS, 1), (schema.recordings, _RECORDING_COLUMNS, 5)):
        names = ", ".join(f'"{name}"' for name in cells)
        for start in range(0, rows, 500_000):
            numbers = f"generate_series({start}::bigint, {min(start + 500_000, rows) - 1}, {step}) AS s(n)"
            text = f"INSERT INTO {table.name} ({names}) SELECT {', '.join(cells.values())} FROM {numbers}"
            with database.write_transaction() as connection:
                connection.exec_driver_sql(text.replace("%", "%%"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return database


def measure_day_export(database: Database, day: int) -> float:
    """Return the seconds of exporting a day."""
    window = TimeWindow(begin=FIRST_DAY + day * DAY, end=FIRST_DAY + (day + 1) * DAY)
    zones = {"100": ZoneInfo("Asia/Shanghai")}
    begin = time.perf_counter()
    with database.read_transaction() as connection:
        chunks = iter_csv_chunks(connection, APP, "call", window, ExportFilter(), zones, with_tail=True)
        assert sum(chunk.row_count for chunk in chunks) == ROWS_PER_DAY
    return time.perf_counter() - begin


def build_name(number: int, form: str) -> str:
    """Return a recording's index name or original name."""
    day = FIRST_DAY + number // ROWS_PER_DAY * DAY
    dated = f"{day:%Y%m%d}/{1000 + number % 400}/{number}"
    return f"/0/1/record/SOAKAK0001/100/{dated}.wav" if form == "index" else f"Y:/8/0/{dated}.V3"


def measure_look_ups(database: Database, rows: int) -> dict[str, float]:
    """Return the median microseconds of warm look-ups by both names, by an absent name, by callId, of rows by callId."""
    generator = random.Random(7)

    def call(number: int) -> str:
        return f"{int(FIRST_DAY.timestamp()) + number * 86400 // ROWS_PER_DAY}-{number}"

    def look_up(connection: Connection, kind: str, number: int) -> object:
        if kind in ("index", "original"):
            return recordings.find_file_by_name(connection, APP, build_name(number, kind))
        if kind == "absent":
            return recordings.find_file_by_name(connection, APP, build_name(number, "original") + "x") is None
        if kind == "call":
            return recordings.list_by_call(connection, APP, call(number))
        return cdrs.find_by_call_ids(connection, APP, [call(number)])

    medians: dict[str, float] = {}
    for kind in ("index", "original", "absent", "call", "rows of a call, no date"):
        times = []
        with database.read_transaction() as connection:
            for _ in range(LOOK_UPS):
                number = generator.randrange(rows // 5) * 5
                begin = time.perf_counter()
                assert look_up(connection, kind, number), (kind, number)
                times.append(time.perf_counter() - begin)
        medians[kind] = round(median(times[LOOK_UPS // 4 :]) * 1e6)
    return medians


def measure_row_sizes(database: Database) -> dict[str, dict[str, int]]:
    """Return the bytes per row of each table and of its indexes."""
    statement = (
        "SELECT r.relname, sum(pg_table_size(p.oid)) / {0}, sum(pg_indexes_size(p.oid)) / {0} FROM pg_class r"
        " JOIN pg_inherits i ON i.inhparent = r.oid JOIN pg_class p ON p.oid = i.inhrelid WHERE r.relname = '{1}' GROUP BY 1"
    )
    sizes = {}
    with database.read_transaction() as connection:
        for name in ("cdrs", "recordings"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            _, table, indexes = connection.exec_driver_sql(statement.format(count, name)).one()
            sizes[name] = {"rows": count, "table": round(table), "indexes": round(indexes)}
    return sizes


def run(rows: int, server: str) -> dict[str, Any]:
    """Return all results. The two databases are queried in turn."""
    with ExitStack() as stack:
        urls = [stack.enter_context(databases.create_database(server)) for _ in range(2)]
        began = time.monotonic()
        small, large = create_filled_database(urls[0], rows // 10), create_filled_database(urls[1], rows)
        seconds = time.monotonic() - began
        day = rows // 10 // ROWS_PER_DAY // 2
        pairs = [(measure_day_export(small, day), measure_day_export(large, day)) for _ in range(ROUNDS)][3:]
        ratio = median(b / a for a, b in pairs)
        look_ups = [measure_look_ups(small, rows // 10), measure_look_ups(large, rows)]
        results = {
            "rows": rows,
            "filled_in_seconds": round(seconds),
            "day_ms": [round(median(times) * 1e3) for times in zip(*pairs, strict=True)],
            "large_to_small_ratio": round(ratio, 3),
            "look_ups_us": {kind: [medians[kind] for medians in look_ups] for kind in look_ups[0]},
            "bytes_per_row": measure_row_sizes(large),
            "is_good": MIN_RATIO <= ratio <= MAX_RATIO,
        }
        for database in (small, large):
            database.close()
    return results


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with ExitStack() as stack:
        server = sys.argv[2] if len(sys.argv) > 2 else stack.enter_context(servers.run_postgres())
        results = run(rows, server)
    print(json.dumps(results))
    sys.exit(not results["is_good"])


if __name__ == "__main__":
    main()

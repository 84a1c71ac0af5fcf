"""Calls for the search benchmark: columns of their CDRs and recordings in SQL, and their search index."""

import sqlalchemy as sa
from _call_database import APP, CDR_COLUMNS, FIRST_DAY

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant.calls import search_index

IS_AGENT_SQL = "n % 2 = 1"


def _hashed_value_sql(number: str, factor: int, count: int) -> str:
    """Return SQL of one of `count` values, a hash of a number. Values of different factors are independent."""
    return f"CAST({number} AS bigint) * {factor} % 2147483647 / 1009 % {count}"


NAME_SQL = " || ' ' || ".join(  # of one of 40,000 people: a first and a family name
    f"'{letter}' || CAST({_hashed_value_sql('n / 2', factor, 200)} AS text)"
    for letter, factor in (("F", 373587883), ("N", 472882027))
)
LEG_COLUMNS = CDR_COLUMNS | {
    "agent_id": f"CASE WHEN {IS_AGENT_SQL} THEN CAST({_hashed_value_sql('n', 1299709, 500)} AS text) ELSE '' END",
    "caller_no": f"'0207' || CAST({_hashed_value_sql('n / 2', 179424673, 200_000)} AS text)",
    "callee_no": f"'60' || CAST({_hashed_value_sql('n / 2', 15485863, 50)} AS text)",
    "current_skill_id": f"'q' || CAST({_hashed_value_sql('n / 2', 67867967, 20)} AS text)",
    "talk_seconds": _hashed_value_sql("n / 2", 32452843, 600),
    "wait_seconds": f"{_hashed_value_sql('n / 2', 86028157, 300)} * ({_hashed_value_sql('n / 2', 122949829, 4)} / 3)",
    "caller_name": NAME_SQL,
    "direction": "CASE WHEN {0} < 700 THEN 0 WHEN {0} < 995 THEN 1 ELSE 2 END".replace(
        "{0}", _hashed_value_sql("n / 2", 49979687, 1000)
    ),
}
LEG_COLUMNS |= {
    "caller_key": f"'#' || {LEG_COLUMNS['caller_no']}",
    "callee_key": f"'#' || {LEG_COLUMNS['callee_no']}",
    "name_key": f"' ' || lower({NAME_SQL})",
}
CALL_ID_SQL = CDR_COLUMNS["call_id"].replace("n / 8", "n / 4").replace("n / 2", "n")
RECORDING_COLUMNS = {
    "app": "1",
    "account_id": "'100'",
    "call_id": f"CASE WHEN {_hashed_value_sql('n', 86028121, 5)} = 0 THEN 'x' || CAST(n AS text) ELSE {CALL_ID_SQL} END",
    "file_name": "'/f/' || CAST(n AS text)",
    "original_file_name": "'Y' || CAST(n AS text)",
    "call_begin": "{0}",
    "call_end": "{60}",
    "created_at": "{60}",
    **dict.fromkeys(("cc_id", "vdn_id", "agent_id", "caller_no", "callee_no", "task_result", "sha256"), "''"),
    **dict.fromkeys(("user_wanted_skill_id", "current_skill_id", "source_sha256", "source_name"), "''"),
    **dict.fromkeys(("call_type", "media_type", "task_status", "size", "crc32"), "0"),
    "location_id": "'0'",
    "key": "'k' || CAST(n AS text)",
}
MONTH_SQL = {
    True: "CAST(strftime('%Y%m', {0} / 1000000, 'unixepoch') AS integer)",
    False: "CAST(to_char({0} AT TIME ZONE 'UTC', 'YYYYMM') AS integer)",
}


def index_texts(database: Database) -> None:
    """Fill the search index as ingest would."""
    with database.write_transaction() as connection:
        for kind, column in search_index.COLUMNS.items():
            cell = schema.cdrs.c[column]
            values = connection.execute(sa.select(cell).distinct().where(cell != "")).scalars().all()
            for start in range(0, len(values), 10_000):
                some = dict.fromkeys(values[start:][:10_000], FIRST_DAY)
                search_index.add_values(connection, APP, "100", {kind: some})

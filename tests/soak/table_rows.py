"""Ingests 200,000 rows of a table on MariaDB: speed, and whether the memory stays constant.

    python -m tests.soak.table_rows FOLDER [ROWS]

First an eighth is ingested, then all, then all again. Prints one JSON object. Exits with 1 if the peak of the memory grew by more
than MAX_GROWTH_BYTES, if a row is missing, or if a row is there twice.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite
from tests.ingest.tables.switch_database import FREEPBX_CDR, SwitchTables, create_mariadb_tables
from tests.mariadb import run_mariadb
from tests.soak.million_lines import measure_ingest

SMALL_RUN_DIVISOR = 8
MAX_GROWTH_BYTES = 32 << 20  # between the runs: caches of the database, and digests of the rows that were read
FILL = """INSERT INTO cdr (calldate, clid, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, duration, billsec,
    disposition, uniqueid, linkedid, sequence)
    SELECT FROM_UNIXTIME(1705311000 + (seq DIV 2)), '"Ann" <02079460123>', '02079460123', '600', 'from-trunk',
    CONCAT('PJSIP/trunk-', LPAD(HEX(seq), 8, '0')), CONCAT('PJSIP/', 1001 + seq % 40, '-', LPAD(HEX(seq), 8, '0')), 'Dial',
    'PJSIP/1001,30,t', 78, 70, 'ANSWERED', CONCAT(1705311000 + (seq DIV 2), '.', seq),
    CONCAT(1705311000 + (seq DIV 2), '.', (seq DIV 2) * 2), seq FROM seq_1_to_"""


def measure_table(site: IngestSite, tables: SwitchTables) -> dict[str, Any]:
    """Return the added rows, the seconds, and the peak memory in bytes of an ingest."""
    site.settings.update(tables.settings)
    return measure_ingest(site, site.build_command("asterisk", "--cdr", tables.url))


def run(folder: Path, rows: int) -> dict[str, Any]:
    """Return the results of the runs."""
    small, large = IngestSite(folder / "small").prepare(), IngestSite(folder / "large").prepare()
    with run_mariadb() as server:
        with create_mariadb_tables(server, FREEPBX_CDR, f"{FILL}{rows // SMALL_RUN_DIVISOR}") as tables:
            part = measure_table(small, tables)
        with create_mariadb_tables(server, FREEPBX_CDR, f"{FILL}{rows}") as tables:
            full = measure_table(large, tables)
            with large.node.database.write_transaction() as connection:
                connection.execute(schema.source_cursors.update().values(first_line="again"))
            again = measure_table(large, tables)
    stored = len(large.read_rows(schema.cdrs, "source_key"))
    for site in (small, large):
        site.node.database.close()
    return {
        "rows": rows,
        "rows_per_second": round(rows / full["seconds"]),
        "known_rows_per_second": round(rows / again["seconds"]),
        "peak_mb_of_small_run": part["peak"] >> 20,
        "peak_mb": full["peak"] >> 20,
        "missing": (full["added"]["cdrs"], stored) != (rows, rows),
        "twice": (again["added"]["cdrs"], again["added"]["known"]) != (0, rows),
        "grew": full["peak"] - part["peak"] > MAX_GROWTH_BYTES,
    }


def main() -> None:
    folder, rows = Path(sys.argv[1]), int([*sys.argv[2:3], "200000"][0])
    results = run(folder, rows)
    print(json.dumps(results))
    sys.exit(results["missing"] or results["twice"] or results["grew"])


if __name__ == "__main__":
    main()

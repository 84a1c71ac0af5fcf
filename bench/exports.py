"""Export of call.csv to a zip, compared with `psql \\copy … | gzip -1` and `sqlite3 -csv … | gzip -1`: ratios, and memory.

    scripts/bench exports [--json] [--rows N ...] [--rounds N] [--folder DIR]

Each round exports the same rows, 333,333 a day, by the rival and by ccfs in turn, both into a file. psql runs the SELECT that ccfs
passes to COPY, and a usual one with to_char; sqlite3 runs one with datetime(). All sort like ccfs. With two sizes
(--rows 1000000 10000000), exporting one day from the first table is compared with the same day from the second. Memory is the peak
of the exporting process, without the database server.
"""

import argparse
import csv
import gzip
import io
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import _servers as servers
import psycopg
from _call_database import APP, DAY, FIRST_DAY, create_filled_database

from ccfs.db.engine import Database, open_database
from ccfs.db.export_csv import get_header, iter_csv_chunks
from ccfs.db.export_csv.columns import EXPORT_SOURCES
from ccfs.db.export_csv.postgresql import build_copy_query
from ccfs.db.export_csv.query import ExportQuery
from ccfs.db.export_csv.zone_offsets import compute_zone_offsets
from ccfs.model.exports.export import ExportFilter
from ccfs.model.exports.time_window import TimeWindow
from ccfs.workers.exports.zip_writer import ExportTableRows, ExportZipLayout, iter_export_zip

ROOT = Path(__file__).parents[1]
ZONES = {"100": ZoneInfo("Asia/Shanghai")}
FULL_WINDOW = TimeWindow(begin=FIRST_DAY, end=FIRST_DAY + 3650 * DAY)
ONE_DAY_WINDOW = TimeWindow(begin=FIRST_DAY + DAY, end=FIRST_DAY + 2 * DAY)


def measure_export(url: str, window: TimeWindow, target: Path) -> dict[str, float]:
    """Export in this process. Return seconds, rows and peak memory in MB."""
    database = open_database(url)
    begin = time.perf_counter()
    rows = 0
    with database.read_transaction() as connection, target.open("wb") as out:

        def count_rows() -> Iterator[Any]:
            nonlocal rows
            for chunk in iter_csv_chunks(connection, APP, "call", window, ExportFilter(), ZONES, with_tail=True):
                rows += chunk.row_count
                yield chunk

        part = ExportTableRows(table="call", header=get_header("call", with_tail=True), chunks=count_rows())
        out.writelines(iter_export_zip([part], ExportZipLayout(max_rows=10**9, has_header=False), FIRST_DAY, 0))
    seconds = time.perf_counter() - begin
    peak = re.search(
        r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()
    )  # getrusage would include the parent's peak
    return {"seconds": seconds, "rows": rows, "MB": int(peak[1]) / 1e3 if peak else 0}


def measure_export_process(url: str, window: TimeWindow, target: Path) -> dict[str, float]:
    """Export in a new process; its start is not measured."""
    command = [sys.executable, __file__, "--export", url, window.begin.isoformat(), window.end.isoformat(), str(target)]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def measure_gzip_pipe(command: list[str], target: Path) -> float:
    """Return the seconds of a command whose output is piped through gzip -1 into a file."""
    begin = time.perf_counter()
    subprocess.run(f"{shlex.join(command)} | gzip -1 >{shlex.quote(str(target))}", shell=True, check=True)
    return time.perf_counter() - begin


def build_psql_command(url: str, query: str) -> list[str]:
    return ["psql", url.replace("+psycopg", ""), "-qc", "SET timezone = 'UTC'", "-c", f"\\copy ({query}) to stdout csv"]


def build_own_query(url: str) -> str:
    """Return the SELECT that ccfs passes to COPY, with its values."""
    cells, zones = EXPORT_SOURCES["call"].list_column_specs(with_tail=True), compute_zone_offsets(ZONES, FULL_WINDOW)
    export_query = ExportQuery(
        app=APP,
        source=EXPORT_SOURCES["call"],
        column_specs=cells,
        window=FULL_WINDOW,
        filter=ExportFilter(),
        zone_offsets=zones,
    )
    query, values = build_copy_query(export_query)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return psycopg.ClientCursor(connection).mogrify(query.encode(), values).replace("\n", " ")


def build_plain_query(time_sql: str, text_sql: str, begin: str, end: str, collation: str) -> str:
    """Return a usual SELECT. `time_sql` and `text_sql` format a column, called {}."""
    names = get_header("call", with_tail=True)[1:]
    texts = {"account_id", "cc_id", "agent_id", "call_id", "caller_no", "callee_no", "vdn_id", *names[-2:]}
    forms = {
        name: text_sql if name in texts else time_sql if name.endswith(("_begin", "_end")) else "{}" for name in names
    }
    columns = ", ".join(form.format(name) for name, form in forms.items())
    order = f"begin, call_id{collation}, call_id_num < 0, call_id_num, source_key{collation}"
    where = f"app = 1 AND account_id = '100' AND begin >= {begin} AND begin < {end}"
    return f"SELECT '{APP.ak}', {columns} FROM cdrs WHERE {where} ORDER BY {order}"


def build_rival_commands(database: Database, url: str) -> dict[str, list[str]]:
    """Return commands that write the same lines as ccfs."""
    if database.is_sqlite:
        begin, end = (str(int(moment.timestamp()) * 10**6) for moment in (FULL_WINDOW.begin, FULL_WINDOW.end))
        query = build_plain_query("datetime({} / 1000000 + 28800, 'unixepoch')", "{}", begin, end, "")
        return {"sqlite3 -csv": ["sqlite3", "-csv", str(database.engine.url.database), query]}
    stamp = "to_char({} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')"
    begin, end = (f"'{moment.isoformat()}'" for moment in (FULL_WINDOW.begin, FULL_WINDOW.end))
    plain = build_plain_query(stamp, "NULLIF({}, '')", begin, end, ' COLLATE "C"')
    return {
        "psql, our SELECT": build_psql_command(url, build_own_query(url)),
        "psql, to_char": build_psql_command(url, plain),
    }


def require_same_rows(zipped: Path, gzipped: Path, lines: int = 100_000) -> None:
    """Abort the benchmark unless both files begin with the same rows."""
    with zipfile.ZipFile(zipped) as members, gzip.open(gzipped, "rt", newline="") as rival:
        own = io.TextIOWrapper(members.open(members.namelist()[0]), newline="")
        for number, (own_row, rival_row) in enumerate(zip(csv.reader(own), csv.reader(rival), strict=False)):
            if own_row != rival_row:
                raise SystemExit(f"row {number + 1} differs:\n{own_row}\n{rival_row}")
            if number == lines:
                return


def compare_with_rival(measurement: str, url: str, rival: list[str], rounds: int, work: Path) -> dict[str, Any]:
    """Return a row with the ratio of rows/s: the rival's seconds over ours."""
    theirs, own = [], []
    for _ in range(rounds):
        theirs.append(measure_gzip_pipe(rival, work / "rival.gz"))
        own.append(measure_export_process(url, FULL_WINDOW, work / "ours.zip"))
        require_same_rows(work / "ours.zip", work / "rival.gz")
    ratio = servers.compare_pairs(theirs, [run["seconds"] for run in own])
    best = min(own, key=lambda run: run["seconds"])
    sizes = {name: round((work / name).stat().st_size / 1e6, 1) for name in ("ours.zip", "rival.gz")}
    return build_row(measurement, best, ratio) | {"zip MB": sizes["ours.zip"], "gz MB": sizes["rival.gz"]}


def build_row(measurement: str, best: dict[str, float], ratio: dict[str, float]) -> dict[str, Any]:
    speed = round(best["rows"] / best["seconds"] / 1e3)
    return {"measurement": measurement, "rows": int(best["rows"]), "krows/s": speed, "speed ccfs:rival": ratio["median"]} | {
        "min": ratio["min"], "max": ratio["max"], "RSS MB": round(best["MB"]),
    }  # fmt: skip


def compare_one_day(measurement: str, small: str, large: str, rounds: int, work: Path) -> dict[str, Any]:
    """Return a row with the seconds of a day from the small table over those from the large one: 1 if size does not matter."""
    measure_export_process(large, ONE_DAY_WINDOW, work / "ours.zip")
    pairs = [
        [measure_export_process(url, ONE_DAY_WINDOW, work / "ours.zip") for url in (small, large)]
        for _ in range(rounds)
    ]
    ratio = servers.compare_pairs([run["seconds"] for run, _ in pairs], [run["seconds"] for _, run in pairs])
    best = min((run for _, run in pairs), key=lambda run: run["seconds"])
    return build_row(measurement, best, ratio) | {"zip MB": "", "gz MB": ""}


@contextmanager
def create_databases(sizes: list[int], work: Path) -> Iterator[dict[str, list[str]]]:
    """Yield engine -> URLs of filled databases in the order of the sizes."""
    sys.path.append(str(ROOT))
    from tests import servers as test_servers

    with ExitStack() as stack:
        server = stack.enter_context(test_servers.run_postgres())
        urls = {
            "postgresql": [stack.enter_context(test_servers.create_database(server)) for _ in sizes],
            "sqlite": [f"sqlite:///{work / str(size)}.db" for size in sizes],
        }
        for engine_urls in urls.values():
            for url, size in zip(engine_urls, sizes, strict=True):
                create_filled_database(url, size).close()
        yield urls


def measure_all(sizes: list[int], rounds: int, work: Path) -> list[dict[str, Any]]:
    rows = []
    with create_databases(sizes, work) as urls:
        for engine, engine_urls in urls.items():
            for url in engine_urls:
                database = open_database(url)
                commands = build_rival_commands(database, url)
                database.close()
                rows += [
                    compare_with_rival(f"whole table : {name}", url, rival, rounds, work)
                    for name, rival in commands.items()
                ]
            if len(sizes) > 1:
                rows.append(
                    compare_one_day(
                        f"{engine}: a day of {sizes[-1]} rows : of {sizes[0]}",
                        engine_urls[0],
                        engine_urls[-1],
                        3 * rounds,
                        work,
                    )
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="folder for the SQLite databases and the files; default: a temporary one"
    )
    parser.add_argument("--export", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.export:
        url, begin, end, target = options.export
        window = TimeWindow(begin=datetime.fromisoformat(begin), end=datetime.fromisoformat(end))
        print(json.dumps(measure_export(url, window, Path(target))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        servers.report("exports", measure_all(options.rows, options.rounds, Path(folder)), options.json)


if __name__ == "__main__":
    main()

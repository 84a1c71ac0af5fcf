"""Files of switches to check, and the check as a command."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from tests.cli.command import CommandResult, run_ccfs
from tests.ingest.ingest_site import OLD_TIMESTAMP, build_cdr_line

ZONE = "Europe/London"
CALL, OTHER_CALL = "1705311042.118", "1705311642.120"
FREEPBX_HEADER = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,recordingfile,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,linkedid,"
    "peeraccount,sequence"
)


def write_file(path: Path, data: str | bytes, modified: float = OLD_TIMESTAMP) -> Path:
    """Write a file that has been stable for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    os.utime(path, (modified, modified))
    return path


def write_rows(rows: list[list[str]], **dialect: Any) -> str:
    """Return the rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **dialect).writerows(rows)
    return text.getvalue()


def write_queue_call(folder: Path) -> None:
    """Write a call to queue 600 that 1002 missed and 1001 answered, as cdr_csv and the queue log have it."""
    missed = build_cdr_line(CALL, queue="600", agent="1002", disposition="NO ANSWER", end="2024-01-15 09:30:52")
    times = {"start": "2024-01-15 09:30:52", "answer": "2024-01-15 09:31:02", "end": "2024-01-15 09:32:02"}
    answered = build_cdr_line(CALL, queue="600", agent="1001", sequence=2, **times)
    write_file(folder / "cdr-csv" / "Master.csv", missed + answered)
    events = {
        42: "NONE|ENTERQUEUE||02079460123|1",
        52: "PJSIP/1002|RINGNOANSWER|10000",
        62: "PJSIP/1001|CONNECT|20|1705311052.119|5",
        122: "PJSIP/1001|COMPLETECALLER|20|60|1",
    }
    lines = [f"{1_705_311_000 + second}|{CALL}|600|{event}\n" for second, event in events.items()]
    write_file(folder / "queue_log", "".join(lines))


def check(*arguments: object, zone: str = ZONE, **settings: str) -> CommandResult:
    """Run `ccfs ingest check` on a machine in a time zone."""
    return run_ccfs("ingest", "check", *arguments, settings={"TZ": zone, **settings})


def check_json(*arguments: object, zone: str = ZONE) -> Any:
    """Return the report of a check that found calls."""
    return check(*arguments, "--json", zone=zone).json


def get_section(text: str, title: str) -> str:
    """Return the lines of a report below a title that begins so, joined where they were wrapped."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(title))
    section = lines[start + 1 :]
    end = next((number for number, line in enumerate(section) if not line), len(section))
    return " ".join(line.strip() for line in section[:end])


def read_tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file below a folder with its size, times and bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_size, status.st_mtime_ns, data)
    return found

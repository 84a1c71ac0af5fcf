"""A pass over what FreeSWITCH left: CSV files that grow, or a folder of JSON and XML documents; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.store.intake import Refusal
from ccfs.switches import freeswitch
from ccfs.switches.found import QueueVisit, UnreadableLine
from ccfs.switches.freeswitch import Channel, Found
from ccfs.work.ingest import folder, lines
from ccfs.work.ingest.agents import take_visits
from ccfs.work.ingest.calls import take_legs
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.folder import REFUSED, TAKEN, Seen
from ccfs.work.ingest.lines import Batch
from ccfs.work.ingest.recordings import take_folder
from ccfs.work.ingest.said import FREESWITCH

LARGEST_DOCUMENT = 16 << 20  # bytes; a real one has some ten thousand
DOCUMENTS = (".json", ".xml")
AT_ONCE = 500  # documents that meet, and whose rows are in one transaction


class _Line(NamedTuple):
    """Where something stands."""

    file: str
    number: int
    raw: bytes = b""


Rows = Sequence[tuple[_Line, Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitch:
    """Where the switch left what, and what its operator knows better than the files tell."""

    cdr: Path  # a CSV, JSON or XML file, or a folder of them
    recordings: Path | None
    columns: tuple[str, ...] = ()  # of a CSV template that is none of the usual ones
    zone: str | None = None  # of local stamps in CSV; None: the account's
    agents: re.Pattern[str] = field(default=freeswitch.AGENTS)


def ingest(run: Run, owner: Owner, switch: FreeSwitch) -> None:
    """One pass. Raises OSError if what is named cannot be opened."""
    files = folder.walk(switch.cdr, run.warn) if switch.cdr.is_dir() else iter([folder.look(switch.cdr)])
    growing = []
    for batch in folder.batches(files, AT_ONCE):
        if run.is_stopped():
            return
        odd = [one for one in batch if one.oddity or one.path.suffix.lower() in DOCUMENTS]
        growing += [one.path for one in batch if one not in odd]
        _take_documents(run, owner, switch, odd)
    for path in growing:
        lines.take(run, owner, path, partial(_parsed, owner, switch), partial(_keep, run, owner))
    if switch.recordings is not None:
        take_folder(run, owner, switch.recordings, freeswitch.call_of)


def _take_documents(run: Run, owner: Owner, switch: FreeSwitch, batch: list[Seen]) -> None:
    """Each document once; those of one batch meet, so that both legs of a call find each other."""
    with run.database.reading() as connection:
        due = [one for one, _ in folder.fresh(connection, owner.app, batch)]
    whole = [seen for one in due if (seen := one if one.oddity else folder.settled(run, one))]
    found = [(one, rows) for one in whole if (rows := _document(run, one, owner, switch)) is not None]
    if not found:
        return
    with run.taking_in(owner.app) as connection:
        for one, rows in found:
            is_refused = any(isinstance(what, UnreadableLine) for _, what in rows)
            folder.note(connection, run, owner.app, one, REFUSED if is_refused else TAKEN)
        rows_of_all = [(_Line(folder.name_of(one.path), line), what) for one, rows in found for line, what in rows]
        _keep(run, owner, connection, rows_of_all)


def _document(run: Run, one: Seen, owner: Owner, switch: FreeSwitch) -> list[tuple[int, Found]] | None:
    """What is in it, or why nothing can be; None if that must wait for another run."""
    if one.oddity:
        return [(0, UnreadableLine(one.oddity))]
    if one.size > LARGEST_DOCUMENT:
        return [(0, UnreadableLine(f"larger than {LARGEST_DOCUMENT >> 20} MB"))]
    try:
        data = one.path.read_bytes()
    except OSError as error:
        run.warn(f"{folder.name_of(one.path)} cannot be read: {error.strerror}")
        return None
    return _read(data, owner, switch)


def _parsed(owner: Owner, switch: FreeSwitch, batch: Batch) -> Rows:
    first = batch.lines[0][0]
    data = b"".join(line for _, line in batch.lines)
    return [
        (_Line(batch.path, first + line - 1, batch.lines[line - 1][1]), what)
        for line, what in _read(data, owner, switch)
    ]


def _read(data: bytes, owner: Owner, switch: FreeSwitch) -> list[tuple[int, Found]]:
    zone = ZoneInfo(switch.zone or owner.account.zone)
    return freeswitch.read(data, zone=zone, agents=switch.agents, columns=switch.columns)


def _keep(run: Run, owner: Owner, connection: Connection, rows: Rows) -> None:
    take_visits(connection, owner, [what for _, what in rows if isinstance(what, QueueVisit)])
    take_legs(connection, run, owner, [what for _, what in rows if isinstance(what, Channel)], FREESWITCH)
    refusals = [
        Refusal(file=line.file, line=line.number, reason=str(what), raw=line.raw)
        for line, what in rows
        if isinstance(what, UnreadableLine)
    ]
    run.refuse(connection, owner.app, refusals)

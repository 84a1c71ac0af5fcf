"""A pass over what FreeSWITCH left: CSV files that grow, or a folder of JSON and XML documents; then recordings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.store import intake
from ccfs.store.intake import Cursor, Refusal
from ccfs.switches import freeswitch
from ccfs.switches.found import QueueVisit, UnreadableLine
from ccfs.switches.freeswitch import Channel, Found
from ccfs.work.ingest import folder, lines
from ccfs.work.ingest.agents import take_visits
from ccfs.work.ingest.calls import take_legs
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.folder import REFUSED, TAKEN, Seen
from ccfs.work.ingest.recordings import take_folder

LARGEST_DOCUMENT = 16 << 20  # bytes; a real one has some ten thousand
DOCUMENTS = (".json", ".xml")


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
    zone = ZoneInfo(switch.zone or owner.account.zone)
    files = folder.walk(switch.cdr) if switch.cdr.is_dir() else iter([_seen(switch.cdr)])
    growing = []
    for batch in folder.batches(files, size=500):
        documents = [one for one in batch if one.path.suffix.lower() in DOCUMENTS]
        growing += [one.path for one in batch if one not in documents and not one.is_link]
        _take_documents(run, owner, switch, zone, documents)
    for path in growing:
        _take_csv(run, owner, switch, zone, path)
    if switch.recordings is not None:
        take_folder(run, owner, switch.recordings, freeswitch.call_of)


def _seen(path: Path) -> Seen:
    status = path.stat()
    return Seen(path, status.st_size, status.st_mtime_ns, path.is_symlink())


def _take_documents(run: Run, owner: Owner, switch: FreeSwitch, zone: ZoneInfo, batch: Sequence[Seen]) -> None:
    """Each document once; those of one batch meet, so that both legs of a call find each other."""
    with run.database.reading() as connection:
        due = [one for one, _ in folder.fresh(connection, owner.app, list(batch))]
    found = [(one, _document(one, switch, zone)) for one in due]
    if not found:
        return
    with run.database.writing() as connection:
        refused = {one.path: [what for _, what in rows if isinstance(what, UnreadableLine)] for one, rows in found}
        for one, _ in found:
            state = REFUSED if refused[one.path] else TAKEN
            path = folder.name_of(one.path)
            intake.note_file(connection, owner.app, path, one.size, one.modified_ns, state, "", run.now())
        _take(
            connection,
            run,
            owner,
            [(folder.name_of(one.path), line, what) for one, rows in found for line, what in rows],
        )


def _document(one: Seen, switch: FreeSwitch, zone: ZoneInfo) -> list[tuple[int, Found]]:
    if one.is_link:
        return [(0, UnreadableLine("a link; the file itself must lie in the folder"))]
    if one.size > LARGEST_DOCUMENT:
        return [(0, UnreadableLine(f"larger than {LARGEST_DOCUMENT >> 20} MB"))]
    data = one.path.read_bytes()
    return freeswitch.read(data, zone=zone, agents=switch.agents, columns=switch.columns)


def _take_csv(run: Run, owner: Owner, switch: FreeSwitch, zone: ZoneInfo, path: Path) -> None:
    if not run.watching:
        lines.wait_settled(path, run.settings.settle_seconds)
    source = f"{owner.account.account_id}:{path.absolute()}"
    with run.database.reading() as connection:
        known = intake.cursor(connection, owner.app, source)
    for batch in lines.batches(path, known, whole_tail=not run.watching):
        first = batch.lines[0][0]
        data = b"".join(line for _, line in batch.lines)
        rows = freeswitch.read(data, zone=zone, agents=switch.agents, columns=switch.columns)
        with run.database.writing() as connection:
            _take(connection, run, owner, [(str(path.absolute()), first + line - 1, what) for line, what in rows])
            named: Cursor = replace(batch.cursor, path=source)
            intake.set_cursor(connection, owner.app, named, run.now())
        run.progress(path.name, batch.cursor.offset, batch.size)


def _take(connection: Connection, run: Run, owner: Owner, rows: Sequence[tuple[str, int, Found]]) -> None:
    refusals = [Refusal(file=file, line=line, reason=str(what)) for file, line, what in _refused(rows)]
    take_visits(connection, owner, [what for _, _, what in rows if isinstance(what, QueueVisit)])
    channels = freeswitch.meet(what for _, _, what in rows if isinstance(what, Channel))
    take_legs(connection, run, owner, channels)
    run.refuse(connection, owner.app, refusals)


def _refused(rows: Sequence[tuple[str, int, Found]]) -> Iterator[tuple[str, int, UnreadableLine]]:
    return ((file, line, what) for file, line, what in rows if isinstance(what, UnreadableLine))

"""A pass over what Asterisk left: queue log first, for it tells more of the calls; then CDRs; then recordings."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.cdr import Device
from ccfs.store import devices, intake
from ccfs.store.intake import Refusal
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import Reading
from ccfs.switches.asterisk.channels import AGENT_NUMBER, People
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.asterisk.recordings import call_of
from ccfs.switches.found import Leg, UnreadableLine
from ccfs.work.ingest import agents, lines
from ccfs.work.ingest.calls import take_legs
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.lines import Batch
from ccfs.work.ingest.recordings import take_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Asterisk:
    """Where the switch left what, and what its operator knows better than the files tell."""

    cdr: Path
    recordings: Path | None
    queue_log: Path | None = None
    columns: str | None = None  # "clid,src,…" where the order is neither cdr-csv's nor cdr_custom's
    zone: str | None = None  # IANA name; None: found by the uniqueids
    agents: re.Pattern[str] = field(default=re.compile(AGENT_NUMBER, re.ASCII))  # what an agent's number looks like


def ingest(run: Run, owner: Owner, switch: Asterisk) -> None:
    """One pass. Raises OSError if a file named cannot be opened; UnreadableLine if its columns cannot be told."""
    if switch.queue_log is not None:
        _take_lines(run, owner, switch.queue_log, lambda connection, batch: _queue_batch(connection, run, owner, batch))
    reading = _reading(run, owner, switch)
    if reading is not None:
        _take_lines(
            run, owner, switch.cdr, lambda connection, batch: _cdr_batch(connection, run, owner, batch, reading)
        )
    if switch.recordings is not None:
        take_folder(run, owner, switch.recordings, call_of)


def _take_lines(run: Run, owner: Owner, path: Path, take: Callable[[Connection, Batch], None]) -> None:
    """Each batch's rows and the cursor behind them in one transaction."""
    if not run.watching:
        lines.wait_settled(path, run.settings.settle_seconds)
    with run.database.reading() as connection:
        known = intake.cursor(connection, owner.app, _source(owner, path))
    for batch in lines.batches(path, known, whole_tail=not run.watching):
        with run.database.writing() as connection:
            take(connection, batch)
            intake.set_cursor(connection, owner.app, replace(batch.cursor, path=_source(owner, path)), run.now())
        run.progress(path.name, batch.cursor.offset, batch.size)


def _source(owner: Owner, path: Path) -> str:
    """One file may be taken in for several accounts, each with a cursor of its own."""
    return f"{owner.account.account_id}:{path.absolute()}"


def _reading(run: Run, owner: Owner, switch: Asterisk) -> Reading | None:
    """How to read the CDR file; None while it is empty. Reports what the operator should know of its zone."""
    sample = lines.sample(switch.cdr)
    if not any(line.strip() for line in sample):
        return None
    layout = cdr.layout(sample, switch.columns)
    rows = []
    for line in sample:
        try:
            row = cdr.row(line, layout)
        except UnreadableLine:
            continue
        if row is not None:
            rows.append(row)
    found = zone.find(zone.samples(rows), owner.account.zone, switch.zone)
    run.warn(f"{switch.cdr.name}: {found.report}" if found.report else "")
    with run.database.reading() as connection:
        known = devices.names(connection, owner.app, owner.account.account_id, Device.AGENT)
    return Reading(layout=layout, zone=found.zone, people=People(pattern=switch.agents, known=known))


def _cdr_batch(connection: Connection, run: Run, owner: Owner, batch: Batch, reading: Reading) -> None:
    legs: list[Leg] = []
    refusals: list[Refusal] = []
    for number, line in batch.lines:
        try:
            leg = calls.leg(line, reading)
        except UnreadableLine as error:
            refusals.append(Refusal(file=batch.path, line=number, reason=str(error), raw=line))
            continue
        if leg is not None:
            legs.append(leg)
    take_legs(connection, run, owner, legs)
    run.refuse(connection, owner.app, refusals)


def _queue_batch(connection: Connection, run: Run, owner: Owner, batch: Batch) -> None:
    found: list[QueueLine] = []
    refusals: list[Refusal] = []
    for number, line in batch.lines:
        try:
            read = queue_log.read(line)
        except UnreadableLine as error:
            refusals.append(Refusal(file=batch.path, line=number, reason=str(error), raw=line))
            continue
        if read is not None:
            found.append(read)
    _take_queue_lines(connection, run, owner, found)
    run.refuse(connection, owner.app, refusals)


def _take_queue_lines(connection: Connection, run: Run, owner: Owner, found: Sequence[QueueLine]) -> None:
    events = [event for line in found if (event := queue_log.operation(line))]
    visits = [visit for line in found if (visit := queue_log.visit(line))]
    names = {(int(Device.AGENT), event.agent) for event in events}
    devices.numbers(connection, owner.app, owner.account.account_id, names)  # who is an agent, for CDRs to come
    agents.take_events(connection, run, owner, events)
    agents.take_visits(connection, owner, visits)

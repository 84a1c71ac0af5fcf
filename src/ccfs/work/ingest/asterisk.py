"""A pass over what Asterisk left: queue log first, for it tells more of the calls; then CDRs; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.cdr import Device
from ccfs.store import devices
from ccfs.store.intake import Refusal
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import Reading
from ccfs.switches.asterisk.channels import AGENT_NUMBER, People
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.asterisk.recordings import call_of
from ccfs.switches.found import Leg, UnreadableLine
from ccfs.work.ingest import agents, folder, lines
from ccfs.work.ingest.calls import take_legs, tell_again
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.lines import Batch
from ccfs.work.ingest.recordings import take_folder
from ccfs.work.ingest.said import ASTERISK

_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, too


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
        lines.take(run, owner, switch.queue_log, _queue_lines, partial(_keep_queue_lines, run, owner))
    lines.take(run, owner, switch.cdr, _Legs(run, owner, switch), partial(_keep_legs, run, owner))
    if switch.recordings is not None:
        take_folder(run, owner, switch.recordings, call_of)


class _Legs:
    """Parses batches of CDR lines. How to read them is found when the first batch comes: seldom, in a watch."""

    def __init__(self, run: Run, owner: Owner, switch: Asterisk) -> None:
        self._parts = run, owner, switch
        self._reading: Reading | None = None

    def __call__(self, batch: Batch) -> tuple[list[Leg], list[Refusal]]:
        if not any(line.strip(_BLANK) for _, line in batch.lines):
            return [], []
        reading = self._reading = self._reading or _reading(*self._parts, batch)
        return lines.read_each(batch, lambda line: calls.leg(line, reading))


def _reading(run: Run, owner: Owner, switch: Asterisk, batch: Batch) -> Reading:
    """How to read the CDR file. Reports what the operator should know of its zone."""
    sample = lines.sample(switch.cdr) + [
        line for _, line in batch.lines[:50]
    ]  # a new file may be empty after a rotation
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
    run.warn(f"{folder.name_of(switch.cdr)}: {found.report}" if found.report else "")
    with run.database.reading() as connection:
        known = devices.names(connection, owner.app, owner.account.account_id, Device.AGENT)
    return Reading(layout=layout, zone=found.zone, people=People(pattern=switch.agents, known=known))


def _keep_legs(run: Run, owner: Owner, connection: Connection, parsed: tuple[list[Leg], list[Refusal]]) -> None:
    legs, refusals = parsed
    take_legs(connection, run, owner, legs, ASTERISK)
    run.refuse(connection, owner.app, refusals)


def _queue_lines(batch: Batch) -> tuple[list[QueueLine], list[Refusal]]:
    return lines.read_each(batch, queue_log.read)


def _keep_queue_lines(
    run: Run, owner: Owner, connection: Connection, parsed: tuple[Sequence[QueueLine], list[Refusal]]
) -> None:
    found, refusals = parsed
    events = [event for line in found if (event := queue_log.operation(line))]
    visits = [visit for line in found if (visit := queue_log.visit(line))]
    names = {(int(Device.AGENT), event.agent) for event in events}
    devices.numbers(connection, owner.app, owner.account.account_id, names)  # who is an agent, for CDRs to come
    agents.take_events(connection, run, owner, events)
    tell_again(connection, owner, agents.take_visits(connection, owner, visits))
    run.refuse(connection, owner.app, refusals)

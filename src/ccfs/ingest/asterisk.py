"""One pass over the files of Asterisk: the queue log first, because it reports more of the calls; then CDRs; then recordings."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.asterisk_lines import AsteriskSource, LegParser, QueueLineParser
from ccfs.ingest.calls.agent_events import save_events
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.recordings.ingest_folder import ingest_folder
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids
from ccfs.switches.records import Leg


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    legs = LegParser(run, owner, source)
    if source.queue_log is not None:
        save_queue_lines = partial(_save_queue_lines, run, owner)
        queue_lines = QueueLineParser(source, legs.find_zone)
        tail_reader.ingest_file(run, owner, source.queue_log, queue_lines, save_queue_lines)
    tail_reader.ingest_file(run, owner, source.cdr, legs, partial(_save_legs, run, owner), legs)
    if source.recordings is not None:
        ingest_folder(run, owner, source.recordings, find_call_ids)


def _save_legs(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[list[Leg], list[IngestRejection]]
) -> None:
    legs, rejections = parsed
    save_legs(connection, run, owner, legs, ASTERISK_MERGER)
    run.reject(connection, owner.app, rejections)


def _save_queue_lines(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[Sequence[QueueLine], list[IngestRejection]]
) -> None:
    lines, rejections = parsed
    events = [event for line in lines if (event := queue_log.extract_agent_event(line))]
    visits = [visit for line in lines if (visit := queue_log.extract_queue_visit(line))]
    # Agents get numbers now, so that the parser of CDRs knows them.
    agents = {(int(DeviceType.AGENT), event.agent) for event in events}
    device_numbers.assign_numbers(connection, owner.app, owner.account.account_id, agents)
    save_events(connection, run, owner, events)
    rebuild_for_visits(connection, owner, merge_visits(connection, owner, visits))
    run.reject(connection, owner.app, rejections)

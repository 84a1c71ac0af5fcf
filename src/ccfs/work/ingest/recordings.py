"""Recordings of a switch's folder: each file to its call, its bytes to the home location, its row to the index."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.call_id import call_id
from ccfs.model.cdr import Cdr, Device
from ccfs.model.recording import Recording
from ccfs.store import cdrs, intake, recordings
from ccfs.store.intake import Refusal
from ccfs.switches.audio import UnknownAudio
from ccfs.work.ingest import folder, naming, sound
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.folder import ORPHAN, REFUSED, TAKEN, Seen
from ccfs.work.ingest.sound import Sound

THREADS = 4  # files written side by side: most of the time goes into waiting for the disk

CallsOf = Callable[[str], tuple[str, ...]]  # a file's name to the switch's ids that it mentions


@dataclass(frozen=True, slots=True)
class Match:
    """A file and the row that tells of its call; the row is None where no CDR does."""

    seen: Seen
    state: str
    row: Cdr | None


def take_folder(run: Run, owner: Owner, root: Path, calls_of: CallsOf) -> None:
    """Take in what is new below the folder; then list recordings that are missing for too long."""
    done = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in folder.batches(folder.walk(root)):
            _take_batch(run, owner, batch, calls_of, pool)
            done += len(batch)
            run.progress("recordings", done, 0)
    list_missing(run, owner)


def list_missing(run: Run, owner: Owner) -> None:
    """List recordings that CDRs name and that have not come within the time set."""
    before = run.now() - timedelta(seconds=run.settings.recording_wait_seconds)
    with run.database.writing() as connection:
        run.tally.missing += intake.list_missing(connection, owner.app, before, run.now())


def _take_batch(run: Run, owner: Owner, batch: list[Seen], calls_of: CallsOf, pool: ThreadPoolExecutor) -> None:
    with run.database.reading() as connection:
        due = [pair for pair in folder.fresh(connection, owner.app, batch) if not _waits(run, pair[0])]
        matches = list(_matches(connection, owner, due, calls_of))
    with_call = [match for match in matches if match.row is not None]
    sounds = list(pool.map(lambda match: _sound(run, owner, match), with_call))
    if not matches:
        return
    with run.database.writing() as connection:
        for match, found in zip(with_call, sounds, strict=True):
            _keep(connection, run, owner, match, found)
        _orphans(connection, run, owner, [match for match in matches if match.row is None])


def _waits(run: Run, seen: Seen) -> bool:
    """A file written to just now may still grow: a watching run looks again, a single one waits that little."""
    rest = run.settings.settle_seconds - (time.time() - seen.modified_ns / 1e9)
    if rest <= 0 or rest > run.settings.settle_seconds:  # the second: a time stamp in the future says nothing
        return False
    if not run.watching:
        time.sleep(rest)
    return run.watching


def _matches(
    connection: Connection, owner: Owner, due: Sequence[tuple[Seen, str]], calls_of: CallsOf
) -> Iterator[Match]:
    names = {one.path.name: _call_ids(connection, owner, one.path.name, calls_of) for one, _ in due}
    wanted = {name for ids, legs in names.values() for name in ids}
    of_calls = cdrs.of_calls(connection, owner.app, wanted)
    legs = cdrs.of_legs(connection, owner.app, {leg for _, found in names.values() for leg in found})
    for seen, state in due:
        call_ids, leg_ids = names[seen.path.name]
        rows = [row.cdr for name in call_ids for row in of_calls.get(name, ())]
        rows += [row.cdr for row in legs if row.cdr.switch_leg_id in leg_ids]
        mine = [row for row in rows if row.account_id == owner.account.account_id]
        yield Match(seen, state, _teller(mine, leg_ids))


def _call_ids(connection: Connection, owner: Owner, name: str, calls_of: CallsOf) -> tuple[list[str], tuple[str, ...]]:
    """The callIds that the file may belong to, likeliest first, and the switch's own ids that its name mentions."""
    mentioned = calls_of(name)
    named = intake.awaited_call(connection, owner.app, owner.account.account_id, name)
    return ([named] if named else []) + [call_id(one) for one in mentioned], mentioned


def _teller(rows: Sequence[Cdr], leg_ids: Sequence[str]) -> Cdr | None:
    """The row that tells most of who is heard: of the leg that is named, answered, at an agent; the earliest of those."""

    def rank(row: Cdr) -> tuple[bool, bool, bool, str]:
        is_named = row.switch_leg_id in leg_ids
        return row.call_begin is None, row.device_type != Device.AGENT, not is_named, row.leg_order

    return min(rows, key=rank, default=None)


def _sound(run: Run, owner: Owner, match: Match) -> Sound | str | None:
    """The file's sound in its location; the reason why not; None if it must wait."""
    assert match.row is not None
    if match.seen.is_link:
        return "a link; the file itself must lie in the folder"
    prefix = f"{owner.app.id}/recordings/{match.row.begin:%Y%m%d}"
    try:
        return sound.take(run.home, prefix, match.seen.path)
    except UnknownAudio as error:
        return str(error)
    except (FileNotFoundError, sound.StillGrowing):
        return None


def _keep(connection: Connection, run: Run, owner: Owner, match: Match, found: Sound | str | None) -> None:
    if found is None:
        return
    path = folder.name_of(match.seen.path)
    if isinstance(found, str):
        run.refuse(connection, owner.app, [Refusal(file=path, line=0, reason=found)])
        _note(connection, run, owner, match.seen, REFUSED, found)
        return
    assert match.row is not None
    _add(connection, run, owner, match.row, match.seen, found)
    intake.came(connection, owner.app, owner.account.account_id, match.seen.path.name)
    _note(connection, run, owner, match.seen, TAKEN, "")


def _add(connection: Connection, run: Run, owner: Owner, row: Cdr, seen: Seen, found: Sound) -> None:
    """Add the index row, unless the call has this very recording already under another path."""
    same = recordings.by_call(connection, owner.app, row.call_id)
    if any(one.source_sha256 == found.source_sha256 and one.account_id == row.account_id for one in same):
        if all(one.kept.key != found.kept.key for one in same):
            run.home.remove(found.kept.key)
        return
    begin = row.call_begin or row.begin
    names = naming.make(
        connection, owner, agent=row.agent_id, call_type=row.call_type, begin=begin, extension=found.extension
    )
    recording = Recording(
        account_id=row.account_id,
        cc_id=row.cc_id,
        vdn_id=row.vdn_id,
        agent_id=row.agent_id,
        call_id=row.call_id,
        caller_no=row.caller_no[:25],
        callee_no=row.callee_no[:25],
        call_begin=begin,
        call_end=begin + timedelta(seconds=round(found.seconds)),
        file_name=names.file_name,
        original_file_name=names.original_file_name,
        call_type=naming.direction(row.call_type),
        media_type=row.media_type,
        user_wanted_skill_id=row.user_wanted_skill_id,
        current_skill_id=row.current_skill_id,
        kept=found.kept,
        source_sha256=found.source_sha256,
        source_name=Path(folder.name_of(seen.path)).name,
    )
    recordings.add(connection, owner.app, recording, run.now())
    run.tally.recordings += 1


def _orphans(connection: Connection, run: Run, owner: Owner, matches: Sequence[Match]) -> None:
    """Files that no CDR tells of: they are tried again by every run, and refused once they have waited long enough."""
    wait = run.settings.recording_wait_seconds if run.watching else 0
    for match in matches:
        _note(connection, run, owner, match.seen, ORPHAN, "")
        if time.time() - match.seen.modified_ns / 1e9 >= wait:
            path = folder.name_of(match.seen.path)
            reason = "no CDR of this account tells of the call; it is tried again by every run"
            run.refuse(connection, owner.app, [Refusal(file=path, line=0, reason=reason)])


def _note(connection: Connection, run: Run, owner: Owner, seen: Seen, state: str, reason: str) -> None:
    path = folder.name_of(seen.path)
    intake.note_file(connection, owner.app, path, seen.size, seen.modified_ns, state, reason, run.now())

"""Recordings of a switch's folder: each file to its call, its bytes to the home location, its row to the index."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.call_id import begun, call_id
from ccfs.model.cdr import Cdr, Device
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import cdrs, intake, recordings
from ccfs.store.intake import Refusal
from ccfs.switches.audio import UnknownAudio
from ccfs.work.ingest import folder, naming, sound
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.folder import LISTED, ORPHAN, REFUSED, TAKEN, Seen
from ccfs.work.ingest.sound import Sound, Unreadable

THREADS = 4  # files written side by side: most of the time goes into waiting for the disk

CallsOf = Callable[[str], tuple[str, ...]]  # a file's name to the switch's ids that it mentions


@dataclass(frozen=True, slots=True)
class Match:
    """A file and the row that tells of its call; the row is None where no CDR does."""

    seen: Seen
    state: str  # ORPHAN or LISTED if it was so and is unchanged
    row: Cdr | None


def take_folder(run: Run, owner: Owner, root: Path, calls_of: CallsOf) -> None:
    """Take in what is new below the folder; then list recordings that are missing for too long."""
    done = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in folder.batches(folder.walk(root, run.warn)):
            if run.is_stopped():
                return
            _take_batch(run, owner, batch, calls_of, pool)
            done += len(batch)
            run.progress("recordings", done, 0)
    list_missing(run, owner.app)


def list_missing(run: Run, app: App) -> None:
    """List recordings that CDRs name and that have not come within the time set."""
    before = run.now() - timedelta(seconds=run.settings.recording_wait_seconds)
    with run.database.writing() as connection:
        run.miss(intake.list_missing(connection, app, before, run.now()))


def _take_batch(run: Run, owner: Owner, batch: list[Seen], calls_of: CallsOf, pool: ThreadPoolExecutor) -> None:
    with run.database.reading() as connection:
        found = folder.fresh(connection, owner.app, batch)
    plain = [(seen, state) for one, state in found if not one.oddity and (seen := folder.settled(run, one))]
    with run.database.reading() as connection:
        matches = list(_matches(connection, owner, plain, calls_of))
    with_call = [match for match in matches if match.row is not None]
    sounds = list(pool.map(lambda match: _sound(run, owner, match), with_call))
    odd = [one for one, _ in found if one.oddity]
    orphans = [match for match in matches if match.row is None and _is_news(run, match)]
    if not (odd or sounds or orphans):
        return
    with run.taking_in(owner.app) as connection:
        for one in odd:
            _refuse(connection, run, owner, one, one.oddity, REFUSED)
        due = {seen for seen, _ in folder.fresh(connection, owner.app, [match.seen for match in with_call])}
        for match, sound_or_not in zip(with_call, sounds, strict=True):
            if match.seen in due:  # another run may have taken it meanwhile
                _keep(connection, run, owner, match, sound_or_not)
        for match in orphans:
            _orphan(connection, run, owner, match.seen)


def _matches(connection: Connection, owner: Owner, due: Sequence[tuple[Seen, str]], calls_of: CallsOf) -> list[Match]:
    mentioned = {seen: calls_of(seen.path.name) for seen, _ in due}
    bases = {seen: _base(seen) for seen in mentioned}
    named = intake.awaited_calls(connection, owner.app, owner.account.account_id, bases.values())
    lines = intake.naming_lines(connection, owner.app, owner.account.account_id, bases.values())
    names = {seen: [*_named(named, bases[seen]), *map(call_id, ids)] for seen, ids in mentioned.items()}
    of_calls = _of_calls(connection, owner.app, {name for some in names.values() for name in some})
    of_legs: dict[str, list[Cdr]] = defaultdict(list)
    for row in _of_legs(connection, owner.app, {leg for ids in mentioned.values() for leg in ids}):
        of_legs[row.switch_leg_id].append(row)
    found = []
    for seen, state in due:
        rows = [row for name in names[seen] for row in of_calls.get(name, ())]
        rows += [row for leg in mentioned[seen] for row in of_legs[leg]]
        mine = [row for row in rows if row.account_id == owner.account.account_id]
        found.append(Match(seen, state, _teller(mine, mentioned[seen], lines.get(bases[seen], ""))))
    return found


def _of_calls(connection: Connection, app: App, names: set[str]) -> dict[str, list[Cdr]]:
    """Rows by callId. Ids that tell their time are looked for around it first; what is not there, everywhere."""
    near = [moment for name in names if (moment := begun(name))]
    found = cdrs.of_calls(connection, app, {name for name in names if begun(name)}, near)
    return found | cdrs.of_calls(connection, app, names - found.keys())


def _of_legs(connection: Connection, app: App, legs: set[str]) -> list[Cdr]:
    """Rows of legs. Most legs have none: those that tell their time are looked for around it only."""
    near = {leg: moment for leg in legs if (moment := begun(call_id(leg)))}
    return [
        *cdrs.of_legs(connection, app, near, near.values()),
        *cdrs.of_legs(connection, app, legs - near.keys()),
    ]


def _named(named: Mapping[str, str], base: str) -> list[str]:
    return [named[base]] if base in named else []


def _base(seen: Seen) -> str:
    """The file's own name as rows have it."""
    return folder.name_of(seen.path).rpartition("/")[2]


def _teller(rows: Sequence[Cdr], leg_ids: Sequence[str], line_key: str) -> Cdr | None:
    """The row that tells most of who is heard: of the line that names the file; else answered, at an agent, of the leg
    that the file names; the earliest of those."""

    def rank(row: Cdr) -> tuple[bool, bool, bool, bool, str]:
        of_leg = row.switch_leg_id in leg_ids
        talks = row.call_begin is not None
        return row.line_key != line_key, not talks, row.device_type != Device.AGENT, not of_leg, row.leg_order

    return min(rows, key=rank, default=None)


def _sound(run: Run, owner: Owner, match: Match) -> Sound | UnknownAudio | None:
    """The file's sound in its location; why it cannot be had; None if it must wait for another run."""
    try:
        return sound.take(run.home, f"{owner.app.id}/recordings", match.seen.path)
    except UnknownAudio as error:
        return error
    except (FileNotFoundError, sound.StillGrowing):
        return None


def _keep(connection: Connection, run: Run, owner: Owner, match: Match, found: Sound | UnknownAudio | None) -> None:
    seen = match.seen
    if isinstance(found, Unreadable):
        _refuse(connection, run, owner, seen, str(found), None)
    elif isinstance(found, UnknownAudio):
        _refuse(connection, run, owner, seen, str(found), REFUSED)
    elif found is not None and match.row is not None:
        folder.note(connection, run, owner.app, seen, TAKEN)
        _add(connection, run, owner, match.row, seen, found)
        intake.came(connection, owner.app, owner.account.account_id, _base(seen))


def _refuse(connection: Connection, run: Run, owner: Owner, seen: Seen, reason: str, state: str | None) -> None:
    """Refuse a file; without a state it is tried again by every run."""
    run.refuse(connection, owner.app, [Refusal(file=folder.name_of(seen.path), line=0, reason=reason)])
    if state:
        folder.note(connection, run, owner.app, seen, state, reason)


def _add(connection: Connection, run: Run, owner: Owner, row: Cdr, seen: Seen, found: Sound) -> None:
    """Add the index row, unless the call has this very recording already under another path."""
    same = recordings.by_call(connection, owner.app, row.call_id)
    if any(one.source_sha256 == found.source_sha256 and one.account_id == row.account_id for one in same):
        if not any(one.kept.is_at(found.kept) for one in same):
            run.home.remove(found.kept.key)
        return
    begin = row.call_begin or row.begin
    names = naming.make(connection, owner, row, begin, found.extension)
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
        source_name=_base(seen),
    )
    recordings.add(connection, owner.app, recording, run.now())
    run.tally.recordings += 1


def _is_news(run: Run, match: Match) -> bool:
    """Whether it was not known yet that no CDR tells of the file, or that it has waited in vain long enough."""
    return match.state != LISTED and (match.state != ORPHAN or _has_waited(run, match.seen))


def _has_waited(run: Run, seen: Seen) -> bool:
    wait = run.settings.recording_wait_seconds if run.watching else 0
    return time.time() - seen.modified_ns / 1e9 >= wait


def _orphan(connection: Connection, run: Run, owner: Owner, seen: Seen) -> None:
    """A file that no CDR tells of: every run tries it again, and it is refused once it has waited long enough."""
    if _has_waited(run, seen):
        reason = "no CDR of this account tells of the call; it is tried again by every run"
        _refuse(connection, run, owner, seen, reason, LISTED)
    else:
        folder.note(connection, run, owner.app, seen, ORPHAN)

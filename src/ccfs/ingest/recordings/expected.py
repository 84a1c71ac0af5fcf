"""Recordings that CDRs name: expected until they arrive, and missing after too long."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.db.tenant.ingest import expected_recordings, ingest_state, recording_sources
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.file_names import get_base_name, get_stem, list_stems
from ccfs.media.convert import NO_AUDIO
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.identity.tenancy import App
from ccfs.switches.records import Leg

NO_ACCOUNT_ID = ""  # of calls that are of no account yet


def expect_recordings(connection: Connection, owner: CallOwner, legs: Iterable[Leg], calls: Mapping[str, str]) -> None:
    """Expect the recordings that these legs name, unless they arrived with another leg of their call.

    `calls` are callIds by the legs' source_key.
    """
    app, account_id = owner.app, owner.account.account_id
    expected = _list_expected(account_id, legs, calls)
    if not expected:
        return
    call_ids, times = {recording.call_id for recording in expected}, [recording.since for recording in expected]
    arrived = recordings.list_source_names(connection, app, account_id, call_ids, times)
    stems = {(call_id, stem) for call_id, name in arrived for stem in list_stems(name)}
    pending = [recording for recording in expected if (recording.call_id, recording.stem) not in stems]
    expected_recordings.add(connection, app, pending)
    for recording in expected:
        if (recording.call_id, recording.stem) in stems:
            _add_naming_line(connection, app, recording)


def expect_named_later(
    connection: Connection, owner: CallOwner, legs: Collection[Leg], calls: Mapping[str, str]
) -> None:
    """Expect recordings that a second source names, and retry files that matched no call so far."""
    if legs:
        expect_recordings(connection, owner, legs, calls)
        ingest_state.retry_rejected_files(connection, owner.app, NO_AUDIO)


def expect_unassigned_recordings(connection: Connection, app: App, legs: Iterable[Leg]) -> None:
    """Expect the recordings of calls without an account, so that no other call gets them. They never count as missing."""
    expected = _list_expected(NO_ACCOUNT_ID, legs, {})
    expected_recordings.add(connection, app, [replace(row, is_optional=True) for row in expected])


def forget_unassigned_recordings(connection: Connection, app: App, legs: Iterable[Leg]) -> None:
    """Delete what `expect_unassigned_recordings` added for these legs."""
    expected_recordings.delete(connection, app, _list_expected(NO_ACCOUNT_ID, legs, {}))


def _list_expected(account_id: str, legs: Iterable[Leg], calls: Mapping[str, str]) -> list[ExpectedRecording]:
    """Return the recordings that the legs name. `calls` maps source_key to callId where it differs from the switch's id."""
    return [
        ExpectedRecording(
            account_id=account_id,
            name=get_base_name(path),
            path=path,
            stem=get_stem(path),
            call_id=calls.get(leg.source_key) or to_call_id(leg.switch_call_id),
            since=leg.end,
            source_key=leg.source_key,
            is_optional=path in leg.optional_recordings,
        )
        for leg in legs
        for path in (*leg.recordings, *leg.optional_recordings)
    ]


def _add_naming_line(connection: Connection, app: App, expected: ExpectedRecording) -> None:
    """Record that another line of the call also names a recording that has arrived."""
    of_call = recordings.list_by_call(connection, app, expected.call_id)
    names = [recording.file_name for recording in of_call if recording.account_id == expected.account_id]
    for source in recording_sources.list_by_recordings(connection, app, names):
        if expected.stem in list_stems(get_base_name(source.path)):
            recording_sources.add_naming_line(connection, app, source, expected.source_key)


def report_missing_recordings(run: IngestRun, app: App) -> None:
    """Report expected recordings that have not arrived within CCFS_RECORDING_WAIT_SECONDS."""
    before = run.now() - timedelta(seconds=run.settings.recording_wait_seconds)
    with run.database.write_transaction() as connection:
        run.report_missing(expected_recordings.mark_missing(connection, app, before, run.now()))

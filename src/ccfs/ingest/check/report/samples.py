"""Choose ingested calls of every kind, and describe them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.ingest import ingest_overview
from ccfs.ingest.check.report.call_sentences import CallRecording, describe_call
from ccfs.ingest.check.report.types import SampleCall
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.cdr import Cdr, LeaveReason

MAX_SAMPLES = 10
_CANDIDATES = 300  # calls that are looked at, spread over all
_PER_QUERY = 100

_Signature = tuple[str, bool, bool, int, bool, bool, bool, int]


@dataclass(frozen=True, slots=True)
class _Candidate:
    call: Call
    legs: Sequence[Cdr]
    recordings: Sequence[CallRecording]

    @property
    def signature(self) -> _Signature:
        """The kind of the call: calls of equal signatures differ in numbers and times only."""
        files = [recording.seconds is not None for recording in self.recordings]
        is_transferred = any(leg.leave_reason == LeaveReason.TRANSFERRED_OUT for leg in self.legs)
        return (
            self.call.direction,
            bool(self.call.queues),
            self.call.is_answered,
            min(len(self.call.agents), 2),
            is_transferred,
            any(files),
            not all(files),
            0 if self.call.is_answered else self.call.leave_reason,
        )


def choose_samples(connection: Connection, owner: CallOwner, limit: int = MAX_SAMPLES) -> list[SampleCall]:
    """Return up to `limit` calls in order of time: one of each kind first, then more of the most frequent kinds."""
    by_kind: dict[_Signature, list[_Candidate]] = {}
    for candidate in _load_candidates(connection, owner):
        by_kind.setdefault(candidate.signature, []).append(candidate)
    groups = sorted(by_kind.values(), key=len, reverse=True)[:limit]
    chosen = [
        call for group, number in zip(groups, _share_out(groups, limit), strict=True) for call in _spread(group, number)
    ]
    zone = owner.account.zoneinfo
    return [
        SampleCall(
            begin=sample.call.begin.astimezone(zone),
            call_id=sample.call.call_id,
            text=describe_call(sample.legs, sample.recordings),
        )
        for sample in sorted(chosen, key=lambda sample: (sample.call.begin, sample.call.call_id))
    ]


def _share_out(groups: Sequence[Sequence[_Candidate]], limit: int) -> list[int]:
    """Return the number of calls to show of each kind: one of each, then more of the frequent ones."""
    numbers = [0] * len(groups)
    while sum(numbers) < limit:
        waiting = [index for index, group in enumerate(groups) if numbers[index] < len(group)]
        if not waiting:
            break
        for index in waiting[: limit - sum(numbers)]:
            numbers[index] += 1
    return numbers


def _spread(group: Sequence[_Candidate], number: int) -> list[_Candidate]:
    """Return `number` calls of a kind, evenly distributed over time, including the first and the last."""
    return [group[index * (len(group) - 1) // max(1, number - 1)] for index in range(number)]


def _load_candidates(connection: Connection, owner: CallOwner) -> list[_Candidate]:
    app, account_id = owner.app, owner.account.account_id
    call_ids = ingest_overview.list_spread_calls(connection, app, account_id, _CANDIDATES)
    candidates = []
    for start in range(0, len(call_ids), _PER_QUERY):
        some = call_ids[start : start + _PER_QUERY]
        legs_by_call = cdrs.find_by_call_ids(connection, app, some)
        absent: dict[str, list[CallRecording]] = {}
        for row in ingest_overview.list_expected_of_calls(connection, app, account_id, some):
            absent.setdefault(row.call_id, []).append(CallRecording(row.name, None))
        for call_id in some:
            legs = [leg for leg in legs_by_call.get(call_id, ()) if leg.account_id == account_id]
            if legs:
                files = [*_list_recordings(connection, owner, call_id), *absent.get(call_id, ())]
                candidates.append(_Candidate(build_call(legs), legs, files))
    return candidates


def _list_recordings(connection: Connection, owner: CallOwner, call_id: str) -> list[CallRecording]:
    return [
        CallRecording(row.source_name, round((row.call_end - row.call_begin).total_seconds()), row.agent_id)
        for row in recordings.list_by_call(connection, owner.app, call_id)
        if row.account_id == owner.account.account_id
    ]

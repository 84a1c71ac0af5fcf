"""Histories of channels from a channel event log (CEL), and the corrections of CDR lines that follow from them.

A CDR line lacks the time at which the phone answered after a transfer, and has a disposition instead of a cause.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from ccfs.model.calls.cdr import LeaveReason
from ccfs.switches.asterisk.cdr_files.clock import parse_creation
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg

MAX_EVENTS = 500  # of one channel; of more, those of sounds are left out, and the latest
_TOLERANCE = timedelta(seconds=2)  # between the times of CDR lines, which are cut to seconds, and those of events
_CLOCK_STEP = timedelta(seconds=1)  # of a CDR's times
_TRANSFERS = frozenset({"BLINDTRANSFER", "ATTENDEDTRANSFER"})
_UNSPECIFIC_CAUSES = frozenset({0, 16, 31, 127})  # Q.850; they say less than the disposition of an unanswered line
_REASON_BY_CAUSE = {
    1: LeaveReason.VACANT_NUMBER,
    17: LeaveReason.CALLED_BUSY,
    21: LeaveReason.REJECTED,
}  # of calls out
_REFINED_REASONS = frozenset({LeaveReason.USER_NO_ANSWER, LeaveReason.INTERNAL_ERROR, LeaveReason.NO_RESOURCES})


class ChannelEvent(NamedTuple):
    """One event of a channel."""

    occurred_at: datetime  # UTC
    kind: str  # ANSWER, HANGUP, BRIDGE_ENTER, …
    detail: str = ""  # of HANGUP the Q.850 cause, of STREAM_BEGIN the class of music on hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHistory:
    """The events of one channel known so far, in order of time; at least one."""

    switch_leg_id: str  # uniqueid
    switch_call_id: str  # linkedid
    channel: str
    events: tuple[ChannelEvent, ...]

    @property
    def begin(self) -> datetime:
        """The instant of the first event."""
        return self.events[0].occurred_at

    def find_first(self, *kinds: str, after: datetime | None = None) -> ChannelEvent | None:
        """Return the first event of these kinds, not before an instant."""
        return next(
            (event for event in self.events if event.kind in kinds and (after is None or event.occurred_at >= after)),
            None,
        )

    def has_between(self, kinds: Iterable[str], begin: datetime, end: datetime) -> bool:
        """Return whether an event of these kinds occurred between two instants of a CDR's precision."""
        event = self.find_first(*kinds, after=begin - _TOLERANCE)
        return event is not None and event.occurred_at <= end + _TOLERANCE


def combine_histories(known: ChannelHistory, new: ChannelHistory) -> ChannelHistory:
    """Merge two parts of a channel's history, in any order.

    A channel that joins an older call gets that call's linkedid.
    """
    oldest = min(known, new, key=lambda part: (parse_creation(part.switch_call_id) or (0, 0), part.switch_call_id))
    events = sorted({*known.events, *new.events})
    if len(events) > MAX_EVENTS:
        events = [event for event in events if not event.kind.startswith("STREAM")][:MAX_EVENTS]
    return replace(new, switch_call_id=oldest.switch_call_id, events=tuple(events))


def serialize_events(history: ChannelHistory) -> str:
    """Return the events as JSON."""
    return json.dumps([[event.occurred_at.isoformat(), event.kind, event.detail] for event in history.events])


def parse_events(text: str) -> tuple[ChannelEvent, ...]:
    """Return the events that `serialize_events` wrote."""
    return tuple(ChannelEvent(datetime.fromisoformat(at), kind, detail) for at, kind, detail in json.loads(text))


def correct_legs(legs: Iterable[AsteriskLeg], histories: Iterable[ChannelHistory]) -> list[AsteriskLeg]:
    """Return the legs corrected by the histories of their channels: answers, transfers, pick-ups and causes."""
    channels = ChannelIndex(histories)
    return [_correct_leg(leg, channels) for leg in legs]


class ChannelIndex:
    """Histories by the channels of legs."""

    def __init__(self, histories: Iterable[ChannelHistory]) -> None:
        self._by_name: dict[str, list[ChannelHistory]] = defaultdict(list)
        for history in histories:
            self._by_name[history.channel].append(history)

    def find(self, channel: str, leg: AsteriskLeg) -> ChannelHistory | None:
        """Return the history of a channel that existed during a leg: names are reused after a restart."""
        for history in self._by_name.get(channel, ()) if channel else ():
            if history.begin <= leg.end + _TOLERANCE and history.events[-1].occurred_at >= leg.begin - _TOLERANCE:
                return history
        return None


def _correct_leg(leg: AsteriskLeg, channels: ChannelIndex) -> AsteriskLeg:
    own, dialled = channels.find(leg.channel, leg), channels.find(leg.dstchannel, leg)
    if leg.answer and dialled and leg.ringing_agent and not leg.dstchannel.endswith((";1", ",1")):
        # Of a Local channel, the second half tells.
        leg = _correct_answer(leg, leg.answer, dialled)
    if leg.answer and dialled:
        leg = _correct_end(leg, dialled)
    agents_channel = dialled if leg.ringing_agent else own
    if leg.answer and agents_channel and agents_channel.has_between(_TRANSFERS, leg.answer, leg.end):
        leg = replace(leg, leave_reason=LeaveReason.TRANSFERRED_OUT)
    return leg if leg.answer else _correct_cause(leg, own, dialled)


def _correct_answer(leg: AsteriskLeg, answered_at: datetime, dialled: ChannelHistory) -> AsteriskLeg:
    joined = dialled.find_first("BRIDGE_ENTER") or dialled.find_first("ANSWER")
    if joined is None:
        if not dialled.has_between(("PICKUP",), leg.begin, leg.end):
            return leg
        return replace(leg, answer=None, has_talk=False, leave_reason=LeaveReason.AGENT_NO_ANSWER)
    instant = joined.occurred_at
    if not answered_at.microsecond:
        instant = instant.replace(microsecond=0)
    return replace(leg, answer=instant) if answered_at < instant <= leg.end else leg


def _correct_end(leg: AsteriskLeg, dialled: ChannelHistory) -> AsteriskLeg:
    """Return the leg with the end of its bridge: start and duration of a table without ends may be cut by a second."""
    left = dialled.find_first("BRIDGE_EXIT", after=leg.end)
    instant = left and left.occurred_at if leg.end.microsecond else left and left.occurred_at.replace(microsecond=0)
    return replace(leg, end=instant) if instant and leg.end < instant <= leg.end + _CLOCK_STEP else leg


def _correct_cause(leg: AsteriskLeg, *histories: ChannelHistory | None) -> AsteriskLeg:
    """Return an unanswered leg with the hang-up cause of the phone that rang, otherwise of the calling channel."""
    for history in reversed(histories):
        hangup = history and history.find_first("HANGUP")
        if not hangup or not leg.begin - _TOLERANCE <= hangup.occurred_at <= leg.end + _TOLERANCE:
            continue
        cause = int(hangup.detail) if hangup.detail.isascii() and hangup.detail.isdecimal() else 0
        if 0 < cause < 128 and cause not in _UNSPECIFIC_CAUSES:
            reason = _REASON_BY_CAUSE.get(cause) if leg.leave_reason in _REFINED_REASONS else None
            return replace(leg, release_cause=cause, leave_reason=leg.leave_reason if reason is None else reason)
    return leg


def list_holds(
    leg: AsteriskLeg, talk: tuple[datetime, datetime], channels: ChannelIndex
) -> Sequence[tuple[datetime, datetime]]:
    """Return the periods in which a leg's agent put the other party on hold during a talk: music on hold played there."""
    other = leg.channel if leg.agent == leg.ringing_agent else leg.dstchannel
    history = channels.find(other, leg)
    if history is None:
        return ()
    holds, begin = [], None
    for event in history.events:
        if event.kind == "STREAM_BEGIN":
            begin = event.occurred_at if event.detail else None
        elif begin is not None and event.kind in ("STREAM_END", "BRIDGE_EXIT", "HANGUP"):
            if talk[0] <= begin < talk[1]:
                holds.append((begin, min(event.occurred_at, max(talk[1], begin))))
            begin = None
    return holds

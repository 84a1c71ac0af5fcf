"""Join the lines of a call: decide which report talk, and which repeat what others report.

app_queue and FreePBX ring phones through Local channels. If a call has lines of the half
`Local/1001@from-queue-00000001;2`, they report ringing, talk and transfers to the second, and a line to the half `;1`
reports waiting only. Lines of dialled channels (lastapp AppDial or AppQueue) repeat the line that dialled them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.conferences import join_conferences
from ccfs.switches.asterisk.legs.links import unite_calls

_REPEATING_APPS = frozenset({"appdial", "appqueue"})
MAX_JOINED_LEGS = 500  # of a call; a file in which one id has more is damaged, and its lines stay as they are
_CLOCK_STEP = timedelta(seconds=1)  # of a CDR's times
_LegsByChannel = Mapping[str, Sequence[AsteriskLeg]]


@dataclass(frozen=True, slots=True)
class _CallLegs:
    """The lines of one call, in order."""

    by_channel: _LegsByChannel
    dialling: _LegsByChannel  # by the channel that they dialled
    ringing_channels: set[str]  # channels with a line that rings an agent's phone, itself or through Local channels
    call_type: int = CallType.INBOUND

    def list_halves(self, leg: AsteriskLeg) -> Sequence[AsteriskLeg]:
        """Return the lines of the second half of the Local channel that a line dialled."""
        half = _get_other_half(leg.dstchannel, "1")
        return self.by_channel.get(half, ()) if half else ()

    def rings_agent(self, leg: AsteriskLeg) -> bool:
        """Return whether the line rings an agent's phone, itself or through Local channels."""
        if halves := self.list_halves(leg):
            return halves[0].channel in self.ringing_channels
        return bool(leg.ringing_agent)


def join_call_legs(legs: Iterable[AsteriskLeg]) -> list[AsteriskLeg]:
    """Return the legs, adjusted to the other lines of their call. The result does not depend on the order."""
    calls: dict[str, list[AsteriskLeg]] = defaultdict(list)
    for leg in join_conferences(unite_calls(legs)):
        calls[leg.switch_call_id].append(leg)
    return [joined for call in calls.values() for joined in _join_call(call)]


def _join_call(legs: Sequence[AsteriskLeg]) -> list[AsteriskLeg]:
    if len(legs) > MAX_JOINED_LEGS:
        return list(legs)
    ordered = sorted(legs, key=lambda leg: (leg.order, leg.source_key))
    by_channel, dialling = defaultdict(list), defaultdict(list)
    for leg in ordered:
        if leg.channel:  # lines without a channel have none in common
            by_channel[leg.channel].append(leg)
        dialling[leg.dstchannel].append(leg)
    call = _CallLegs(by_channel, dialling, _find_ringing_channels(by_channel))
    call = replace(call, call_type=_find_call_type(ordered, call))
    return [_inherit_queue(_adjust_leg(leg, call), call) for leg in ordered]


def _find_ringing_channels(by_channel: _LegsByChannel) -> set[str]:
    callers: dict[str, list[str]] = defaultdict(list)  # channels by the second half that a line of them leads to
    due, ringing = list[str](), set[str]()
    for channel, legs in by_channel.items():
        for leg in legs:
            half = _get_other_half(leg.dstchannel, "1")
            if half and half in by_channel:
                callers[half].append(channel)
            elif leg.ringing_agent:
                due.append(channel)
    while due:
        channel = due.pop()
        if channel not in ringing:
            ringing.add(channel)
            due += callers[channel]
    return ringing


def _find_call_type(ordered: Sequence[AsteriskLeg], call: _CallLegs) -> int:
    """Return the type of the call's first line: that of the channel that gave the call its id, if it has one."""
    first = min(ordered, key=lambda leg: (_is_repeat(leg, call), leg.switch_leg_id != leg.switch_call_id, leg.order))
    if first.app in _REPEATING_APPS:  # the line that dialled is elsewhere: the phone called nobody
        return CallType.INBOUND
    if first.calling_agent and not first.queue and call.list_halves(first):
        return CallType.INTERNAL if call.rings_agent(first) else CallType.OUTBOUND
    return first.call_type


def _adjust_leg(leg: AsteriskLeg, call: _CallLegs) -> AsteriskLeg:
    leg = replace(leg, call_type=call.call_type)
    if leg.conference:
        return leg
    if _is_repeat(leg, call):
        return _adjust_repeat(leg)
    if call.list_halves(leg):
        return _adjust_dialling_leg(leg, call)
    if _is_caller_of_first_half(leg, call):
        return replace(_clear_talk(leg), end=leg.answer or leg.end)
    if _only_continues_line(leg, call):
        return replace(_clear_talk(leg), is_waiting=True)
    return _adjust_moved_leg(leg, call)


def _is_repeat(leg: AsteriskLeg, call: _CallLegs) -> bool:
    """Return whether the line was written for a dialled channel."""
    if leg.app in _REPEATING_APPS:
        return True
    return bool(not leg.dstchannel and _get_other_half(leg.channel, "1") and call.dialling.get(leg.channel))


def _adjust_repeat(leg: AsteriskLeg) -> AsteriskLeg:
    """Return a dialled channel's line without agent and talk. A colleague whom an agent consults keeps the talk."""
    if leg.calling_agent and leg.has_talk and _get_other_half(leg.dstchannel, "1"):
        return replace(leg, device_type=DeviceType.AGENT, device_name=leg.calling_agent, agent=leg.calling_agent)
    return replace(_make_flow(_clear_talk(leg)), end=leg.begin, is_waiting=True)


def _adjust_dialling_leg(leg: AsteriskLeg, call: _CallLegs) -> AsteriskLeg:
    """Return a line to the first half of a Local channel: waiting, until a phone behind the second half answers."""
    if not call.rings_agent(leg):  # an outside number: the second half's line repeats this one
        if not leg.ringing_agent:
            return leg
        return (
            replace(leg, device_type=DeviceType.QUEUE, device_name=leg.queue, agent="")
            if leg.queue
            else (_make_calling(leg))
        )
    halves = call.list_halves(leg)
    answers = [half.answer for half in halves if half.answer]
    until = min(max(min(answers, default=leg.end), leg.begin), leg.end)
    waiting = replace(_clear_talk(leg), end=until, is_waiting=True)
    is_followed = bool(answers) or any(
        other.queue == leg.queue and other.order > leg.order for other in call.by_channel[leg.channel]
    )
    reason = LeaveReason.NORMAL if is_followed or not leg.queue else LeaveReason.QUEUE_CANCELLED
    waiting = replace(waiting, leave_reason=reason)
    if leg.queue:
        agent = next((half.ringing_agent for half in halves if half.has_talk), "")
        return replace(waiting, device_type=DeviceType.QUEUE, device_name=leg.queue, agent=agent)
    return _make_flow(waiting)


def _is_caller_of_first_half(leg: AsteriskLeg, call: _CallLegs) -> bool:
    """Return whether the leg rings the phone of an agent whose call out is the line of the first half."""
    other = _get_other_half(leg.channel, "2")
    return any(first.calling_agent and first.dstchannel for first in call.by_channel.get(other, ()))


def _only_continues_line(leg: AsteriskLeg, call: _CallLegs) -> bool:
    """Return whether the leg is a second half that goes outside for a line that reports the talk itself."""
    dialling = call.dialling.get(_get_other_half(leg.channel, "2") or "-", ())
    return bool(dialling) and not any(call.rings_agent(first) for first in dialling)


def _adjust_moved_leg(leg: AsteriskLeg, call: _CallLegs) -> AsteriskLeg:
    """Return a leg whose channel went on to another phone: a pick-up if nobody had talked, else a transfer."""
    if not (leg.ringing_agent and leg.answer):
        return leg
    later = [
        other
        for other in call.by_channel[leg.channel]
        if other.dstchannel not in ("", leg.dstchannel)
        and other.begin >= leg.end - _CLOCK_STEP
        and other.order > leg.order
    ]
    if not later:
        return _adjust_consulted_leg(leg, call)
    if leg.has_talk:
        return replace(leg, leave_reason=LeaveReason.TRANSFERRED_OUT)
    return replace(_clear_talk(leg), leave_reason=LeaveReason.AGENT_NO_ANSWER)


def _adjust_consulted_leg(leg: AsteriskLeg, call: _CallLegs) -> AsteriskLeg:
    """Return the leg of a colleague consulted before a transfer: talk with the caller begins with the transfer."""
    dialling = call.dialling.get(_get_other_half(leg.channel, "2") or "-", ())
    questions = [first for first in dialling if first.app in _REPEATING_APPS]
    if not questions:
        return leg
    is_handed_over = any(
        other.begin >= leg.end - _CLOCK_STEP for other in call.dialling[leg.dstchannel] if other != leg
    )
    if is_handed_over:
        return _clear_talk(leg)
    asked_until = max(question.end for question in questions)
    if not leg.answer or asked_until <= leg.answer or not any(first.end > asked_until for first in dialling):
        return leg
    return replace(leg, answer=min(asked_until, leg.end))  # the Local channel stayed between the two


def _inherit_queue(leg: AsteriskLeg, call: _CallLegs) -> AsteriskLeg:
    """Return the leg of a second half with the queue that rang it, unless the call had already left the queue."""
    if leg.queue or leg.app in _REPEATING_APPS:
        return leg
    current, seen = leg, {leg.source_key}
    while not current.queue:
        has_left = any(
            other.has_talk and other.order < current.order and other.dstchannel != current.dstchannel
            for other in call.by_channel[current.channel]
        )
        dialling = call.dialling.get(_get_other_half(current.channel, "2") or "-", ())
        if has_left or not dialling or dialling[0].source_key in seen:
            return leg
        current = dialling[0]
        seen.add(current.source_key)
    rung_agent = _find_rung_agent(current, call)
    return replace(leg, queue=current.queue, queue_leg_id=current.switch_leg_id, rung_agent=rung_agent)


def _find_rung_agent(leg: AsteriskLeg, call: _CallLegs) -> str:
    """Return the agent whose phone rings first behind the Local channel that a line dialled, else ""."""
    seen = {leg.source_key}
    while halves := call.list_halves(leg):
        leg = halves[0]
        if leg.source_key in seen:
            return ""
        seen.add(leg.source_key)
    return leg.ringing_agent


def _clear_talk(leg: AsteriskLeg) -> AsteriskLeg:
    return replace(leg, answer=None)


def _make_flow(leg: AsteriskLeg) -> AsteriskLeg:
    return replace(leg, device_type=DeviceType.FLOW, device_name=leg.context, agent="")


def _make_calling(leg: AsteriskLeg) -> AsteriskLeg:
    """Return the leg as the calling agent's, if an agent calls, otherwise as the dial plan's."""
    if not leg.calling_agent:
        return _make_flow(leg)
    return replace(leg, device_type=DeviceType.AGENT, device_name=leg.calling_agent, agent=leg.calling_agent)


def _get_other_half(channel: str, number: str) -> str:
    """Return the other half of the half `number` of a Local channel, else ""."""
    if channel[:6] != "Local/" or channel[-2:] not in (f";{number}", f",{number}"):
        return ""
    return channel[:-1] + ("2" if number == "1" else "1")

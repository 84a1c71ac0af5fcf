"""Assign each channel its role in its call: the call's type, and the device and agent for which the channel counts."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch.callflow import Talk
from ccfs.switches.freeswitch.causes import find_leave_reason
from ccfs.switches.freeswitch.parties import INSIDE, OUTSIDE
from ccfs.switches.records import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLeg(Leg):
    """A leg, with what joins it to the other channels of its call.

    The fields that are not compared belong to the channel itself: other channels of its call never change them.
    """

    context: str = ""  # dial-plan context
    bridged_to: str = ""  # the channel that it was last bridged to, if known
    direction: str = field(default="", compare=False)  # see ChannelParties
    is_b_leg: bool = field(default=False, compare=False)  # whether it names its parent
    caller_agent: str = field(default="", compare=False)  # extension that calls on the channel, else ""
    callee_agent: str = field(default="", compare=False)  # extension that was called or answered, else ""
    callee_side: str = field(default="", compare=False)  # INSIDE or OUTSIDE, if known
    queue_side: str = field(default="", compare=False)  # mod_callcenter's: "member", "agent"; "" outside a queue
    hangup_cause: str = field(default="", compare=False)
    cancel_reason: str = field(default="", compare=False)  # mod_callcenter's; "" if not cancelled
    hangup_by: str = field(default="", compare=False)  # "recv_bye": this channel's phone, "send_bye": the other side
    mailbox_agent: str = field(default="", compare=False)  # extension that rang before a mailbox answered, else ""
    talks: tuple[Talk, ...] = field(default=(), compare=False)  # by the callflow; numbers that are no agent's are ""
    queue_entries: tuple[tuple[str, int], ...] = field(default=(), compare=False)  # queue and second, in order


_PHONE_NUMBER = re.compile(r"\+?[0-9]+")


class _Role(NamedTuple):
    device: DeviceType
    name: str
    agent: str


def assign_roles(root: ChannelLeg | None, members: Sequence[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels of one call, each with its role. `root` is the call's first channel, if it is known."""
    children = _Children([leg for leg in members if root is None or leg.switch_leg_id != root.switch_leg_id])
    no_children = _Children([])
    call_type = None if root is None else _find_call_type(root, children)
    assigned = []
    for leg in members:
        if root is not None and leg.switch_leg_id == root.switch_leg_id:
            role = _find_first_role(leg, call_type or CallType.INBOUND, children)
        else:
            role = _find_child_role(leg, root)
        own_type = _find_call_type(leg, no_children) if call_type is None else call_type
        assigned.append(_apply_role(leg, role, own_type))
    return assigned


def _apply_role(leg: ChannelLeg, role: _Role, call_type: CallType) -> ChannelLeg:
    return replace(
        leg,
        device_type=role.device,
        device_name=role.name,
        agent=role.agent,
        call_type=call_type,
        leave_reason=find_leave_reason(
            cause=leg.hangup_cause,
            cancel_reason=leg.cancel_reason,
            answered=leg.answer is not None,
            to_agent=role.device == DeviceType.AGENT and call_type != CallType.OUTBOUND,
            hung_up=_find_hangup_side(leg, call_type, role.agent),
        ),
    )


def _find_hangup_side(leg: ChannelLeg, call_type: CallType, agent: str) -> str:
    """Return who hung up: recv_bye means this channel's phone, send_bye the other side."""
    if leg.hangup_by not in ("recv_bye", "send_bye"):
        return ""
    has_dialled = bool(agent) and agent == leg.caller_agent and call_type == CallType.INBOUND  # to pick the call up
    is_agents_phone = leg.is_b_leg or has_dialled if call_type != CallType.OUTBOUND else not leg.is_b_leg
    return "agent" if is_agents_phone == (leg.hangup_by == "recv_bye") else "user"


class _Children:
    """Facts about the other channels of a call, on which the roles of its first channels depend.

    An id may be reused, so that a call has many first channels. Checking all children of each would take quadratic
    time.
    """

    def __init__(self, children: Sequence[ChannelLeg]) -> None:
        self.is_called_outside = any(child.callee_side == OUTSIDE for child in children)
        self.is_answered_outside = any(map(_is_answered_outside, children))
        answered = (child for child in children if child.queue_side == "agent" and child.answer is not None)
        self.queue_agents = frozenset(child.callee_agent for child in answered)
        directed = [child for child in children if _has_direction(child)]
        undirected = [child for child in children if not _has_direction(child)]
        self._has_directed_agent = any(_find_child_agent(child, None) for child in directed)
        # Callers of channels without a direction, whose agent depends on the first channel's caller.
        self._callers_to_agents = {child.caller_no for child in undirected if child.callee_agent}
        self._callers_from_agents = {child.caller_no for child in undirected if child.caller_agent}

    def has_agent(self, first: ChannelLeg) -> bool:
        """Return whether a channel leads to an agent's phone, in a call that begins with this first channel."""
        if self._has_directed_agent or first.caller_no in self._callers_to_agents:
            return True
        return len(self._callers_from_agents) > (first.caller_no in self._callers_from_agents)


def _find_call_type(first: ChannelLeg, children: _Children) -> CallType:
    """Return the type of the call that begins with the channel."""
    if first.queue:
        return CallType.INTERNAL if first.caller_agent and first.queue_side == "member" else CallType.INBOUND
    is_dialled = first.direction == "outbound" or first.is_b_leg
    has_agent_child = children.has_agent(first)
    goes_outside = first.callee_side == OUTSIDE or (is_dialled and any(talk.is_outside for talk in first.talks))
    if not has_agent_child:
        goes_outside = goes_outside or children.is_called_outside
    if not is_dialled and not first.caller_agent:
        return CallType.INBOUND
    has_callee = first.callee_agent or first.callee_side == INSIDE or has_agent_child
    if goes_outside or not has_callee:
        return CallType.OUTBOUND
    return CallType.INTERNAL if first.caller_agent else CallType.INBOUND


def _find_first_role(leg: ChannelLeg, call_type: CallType, children: _Children) -> _Role:
    """Return the role of a call's first channel. It counts for an agent only if no other channel does so better."""
    if leg.queue:
        return _find_queue_role(leg, children.queue_agents)
    flow = _Role(DeviceType.FLOW, leg.context, "")
    if call_type == CallType.OUTBOUND:
        is_dialled = leg.direction == "outbound" or leg.is_b_leg
        agent = leg.callee_agent if is_dialled else leg.caller_agent
        return _Role(DeviceType.AGENT, agent, agent) if agent else flow
    if children.has_agent(leg) or children.is_answered_outside:
        return flow
    agent = leg.callee_agent or (leg.caller_agent if leg.callee_side == INSIDE else "")
    return _Role(DeviceType.AGENT, agent, agent) if agent else flow


def _find_queue_role(leg: ChannelLeg, answered: Collection[str] = ()) -> _Role:
    """Return the role of a channel of mod_callcenter. The caller's channel waits; its agent is the one who answered.

    `answered`: agents who answered on channels of their own.
    """
    if leg.queue_side == "agent":
        return _Role(DeviceType.AGENT, leg.callee_agent, leg.callee_agent)
    agent = leg.callee_agent
    if agent and len(answered) == 1:
        [agent] = answered
    return _Role(DeviceType.QUEUE, leg.queue, agent)


def _find_child_role(leg: ChannelLeg, first: ChannelLeg | None) -> _Role:
    if leg.queue:
        return _find_queue_role(leg)
    agent = _find_child_agent(leg, first)
    return _Role(DeviceType.AGENT, agent, agent) if agent else _Role(DeviceType.FLOW, leg.context, "")


def _find_child_agent(leg: ChannelLeg, first: ChannelLeg | None) -> str:
    """Return the extension to whose phone a further channel of the call leads, otherwise "".

    A channel that a phone dialled itself (to pick up a call, or to retrieve a parked one) belongs to that phone. CSV
    lacks the direction, but such a channel has a caller of its own: a channel that the switch dialled has the caller of
    the first channel.
    """
    is_dialled = leg.direction == "outbound" or leg.is_b_leg
    if not _has_direction(leg):
        is_dialled = first is None or leg.caller_no == first.caller_no
    return leg.callee_agent if is_dialled else leg.caller_agent


def _has_direction(leg: ChannelLeg) -> bool:
    return leg.is_b_leg or leg.direction != ""


def _is_answered_outside(leg: ChannelLeg) -> bool:
    is_unknown = not (leg.callee_side or leg.direction or leg.callee_agent)  # as in CSV without a column of the gateway
    is_outside = leg.callee_side == OUTSIDE or (is_unknown and _PHONE_NUMBER.fullmatch(leg.callee_no))
    return bool(is_outside) and leg.answer is not None

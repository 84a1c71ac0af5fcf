"""Describe a call in plain words: who called whom, how long they waited, who answered, how long they talked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ccfs.ingest.check.report.words import format_duration, list_names
from ccfs.model.calls.call import Call, Direction, build_call, leg_talk_seconds, sort_legs
from ccfs.model.calls.cdr import Cdr, DeviceType, LeaveReason

_NO_NUMBERS = frozenset({"", "s", "h", "i", "t", "~~s~~"})  # of the dial plan, where the number dialled is not logged
_ENDINGS: Final[dict[int, str]] = {
    LeaveReason.QUEUE_TIMEOUT: "left the queue after its time limit",
    LeaveReason.NOBODY_ON_DUTY: "left the queue because nobody was signed in",
    LeaveReason.QUEUE_CANCELLED: "hung up in the queue",
    LeaveReason.AGENT_NO_ANSWER: "nobody answered",
    LeaveReason.USER_HUNG_UP: "the caller hung up",
    LeaveReason.AGENT_HUNG_UP: "the agent hung up",
    LeaveReason.INTERNAL_ERROR: "the call failed",
    LeaveReason.CALLED_BUSY: "busy",
    LeaveReason.VACANT_NUMBER: "no such number",
    LeaveReason.NO_RESOURCES: "no line was free",
    LeaveReason.USER_NO_ANSWER: "no answer",
    LeaveReason.REJECTED: "the call was rejected",
}


@dataclass(frozen=True, slots=True)
class CallRecording:
    """A recording of a call."""

    name: str  # base name on the switch
    seconds: int | None  # None: the file is not there
    agent: str = ""


def describe_call(legs: Sequence[Cdr], recordings: Sequence[CallRecording]) -> str:
    """Return a sentence about the call with these legs; there must be at least one."""
    call, ordered = build_call(legs), sort_legs(legs)
    parts = [_describe_parties(call), *_describe_waiting(call), *_describe_steps(call, ordered)]
    if not call.is_answered and not (call.leave_reason == LeaveReason.AGENT_NO_ANSWER and call.agents):
        parts.append(_ENDINGS.get(call.leave_reason, "not answered"))
    return f"{', '.join(_drop_repeats(parts))}; {_describe_recordings(call, recordings)}"


def _describe_parties(call: Call) -> str:
    caller = call.caller_no or "A hidden number"
    if call.caller_name and call.caller_name != call.caller_no:
        caller += f" ({call.caller_name})"
    callee = "an unknown number" if call.callee_no in _NO_NUMBERS else call.callee_no
    if call.queues:
        queues = f"queue {list_names(call.queues)}"
        return (
            f"{caller} called {queues}" if callee in call.queues else f"{caller} called {callee} and came to {queues}"
        )
    if call.direction is Direction.OUTBOUND:
        agent = call.agents[0] if call.agents else ""
        shown = f" (as {call.caller_no})" if agent and call.caller_no not in ("", agent) else ""
        return f"{agent or caller}{shown} called {callee}, outbound"
    inside = ", internal" if call.direction is Direction.INTERNAL else ""
    return f"{caller} called {callee}{inside}"


def _describe_waiting(call: Call) -> list[str]:
    seconds = call.wait.total_seconds()
    if seconds < 1:
        return []
    if call.queues:
        return [f"waited {format_duration(seconds)}"]
    return [f"rang {format_duration(seconds)}"] if call.agents or call.direction is not Direction.INBOUND else []


def _describe_steps(call: Call, legs: Sequence[Cdr]) -> list[str]:
    """Return who did not answer, who answered and how long they talked, and transfers, in order."""
    steps: list[str] = []
    silent: list[str] = []  # agents who did not answer, one after the other
    for leg in legs:
        talk = leg_talk_seconds(leg)
        if talk:
            steps += _describe_silent(silent)
            silent.clear()
            steps += _describe_talk(call, leg, talk)
        elif _is_missed(leg, call):
            silent.append(leg.agent_id)
    return steps + _describe_silent(silent)


def _is_missed(leg: Cdr, call: Call) -> bool:
    """Return whether an agent's phone rang unanswered. If the phone placed the call, the other side did not answer."""
    is_own_call = call.direction is Direction.OUTBOUND and leg.leave_reason != LeaveReason.AGENT_NO_ANSWER
    return leg.device_type == DeviceType.AGENT and leg.agent_id != "" and not is_own_call


def _describe_silent(agents: Sequence[str]) -> list[str]:
    return [f"{list_names(agents)} did not answer"] if agents else []


def _describe_talk(call: Call, leg: Cdr, talk: int) -> list[str]:
    duration = format_duration(talk)
    moved = ["transferred the call"] if leg.leave_reason == LeaveReason.TRANSFERRED_OUT else []
    if leg.device_type == DeviceType.AGENT and leg.agent_id:
        if call.direction is Direction.OUTBOUND and leg.agent_id == call.agents[0]:
            return [f"talked {duration}", *moved]
        return [f"{leg.agent_id} answered", f"talked {duration}", *moved]
    if call.agents:
        return []  # the dial plan's part of the call
    if leg.device_type == DeviceType.QUEUE:
        return [f"was answered, the files do not say by whom, talked {duration}", *moved]
    if call.direction is Direction.OUTBOUND:
        return [f"talked {duration}", *moved]
    return [f"was connected for {duration} without an agent", *moved]


def _drop_repeats(parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if not kept or kept[-1] != part:
            kept.append(part)
    return kept


def _describe_recordings(call: Call, recordings: Sequence[CallRecording]) -> str:
    if not recordings:
        return "no recording"
    return ", ".join(_describe_recording(recording, len(call.agents) > 1) for recording in recordings)


def _describe_recording(recording: CallRecording, has_several_agents: bool) -> str:
    if recording.seconds is None:
        return f"recording {recording.name} is not there"
    agent = f", {recording.agent}'s" if has_several_agents and recording.agent else ""
    return f"recording {recording.name} ({format_duration(recording.seconds)}{agent})"

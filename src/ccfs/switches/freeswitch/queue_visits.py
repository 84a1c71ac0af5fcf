"""Queue visits from the variables of mod_callcenter and, if a later queue has overwritten them, from the callflow."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch.callflow import Talk, load_queue_entries, load_talks
from ccfs.switches.freeswitch.parties import UUID, strip_domain
from ccfs.switches.freeswitch.roles import ChannelLeg
from ccfs.switches.freeswitch.variables import ChannelVariables, parse_event_time
from ccfs.switches.records import QueueVisit

_MAX_ID_LENGTH: Final = 128
_CLOCK_TOLERANCE: Final = timedelta(seconds=2)  # between mod_callcenter's seconds and those of the core
_UUID_DIGITS = re.compile(r"[0-9a-f]{32}")
_OUTCOME_BY_CANCEL_REASON: Final = {  # QueueVisit has the words of Asterisk's queue log for every switch
    "TIMEOUT": "EXITWITHTIMEOUT",
    "NO_AGENT_TIMEOUT": "EXITEMPTY",
    "EXIT_WITH_KEY": "EXITWITHKEY",
}


def build_queue_visits(variables: ChannelVariables, leg: ChannelLeg, *, zone: ZoneInfo) -> list[QueueVisit]:
    """Return the queue visits of a member's channel of mod_callcenter, or what an agent's channel adds to one.

    If the queue identifies its agents by UUIDs, the agent's channel shows which extension answered.
    """
    if leg.queue_side == "agent":
        return _build_answers(variables, leg)
    if leg.queue_side != "member":
        return []
    answered = parse_event_time(variables, "cc_queue_answered", zone)
    left = parse_event_time(variables, "cc_queue_terminated", zone)
    latest = QueueVisit(
        switch_leg_id=leg.switch_leg_id,
        queue=leg.queue,
        entered_at=parse_event_time(variables, "cc_queue_joined", zone),
        connected_at=answered,
        left_at=left or parse_event_time(variables, "cc_queue_canceled", zone),
        agent="" if not answered or _is_uuid_without_hyphens(leg.callee_agent) else leg.callee_agent,
        outcome=_find_outcome(variables, leg, answered=answered),
    )
    return [*_iter_earlier_visits(variables, leg, zone), latest]


def find_queue_agent(variables: ChannelVariables, extension: str) -> str:
    """Return the agent of mod_callcenter, "" if none answered.

    FusionPBX identifies agents by UUIDs, so the extension that rang is preferred. If it is unknown, the UUID is written
    without hyphens, because the column of agents has 32 characters.
    """
    if variables.get("cc_side") != "agent" and not variables.get("cc_queue_answered_epoch", "").strip("0"):
        return ""
    agent = strip_domain(variables.get("cc_agent", ""))
    if not UUID.fullmatch(agent):
        return agent or extension
    return extension or agent.replace("-", "").lower()


def find_talking_agent(variables: ChannelVariables, talks: Sequence[Talk]) -> str:
    """Return the agent to whom mod_callcenter bridged the channel according to the callflow; otherwise ""."""
    answered = variables.get("cc_queue_answered_epoch", "")
    if not answered.isdecimal() or len(answered) > 11:
        return ""
    near = [talk for talk in talks if abs(talk.begin - int(answered)) <= _CLOCK_TOLERANCE.seconds]
    return near[0].number if near else ""


def find_first_queue(variables: ChannelVariables, queue: str) -> str:
    """Return the queue that the caller entered before the current one, unless somebody answered there; otherwise ""."""
    talks = load_talks(variables)
    entries = [name for name, second in load_queue_entries(variables) if not any(talk.begin < second for talk in talks)]
    return entries[0] if queue and entries and entries[0] != queue else ""


def find_cancel_reason(variables: ChannelVariables) -> str:
    """Return why mod_callcenter cancelled the call; "" if an agent answered, whatever an earlier queue did."""
    if variables.get("cc_cause") == "answered":
        return ""
    return variables.get("cc_cancel_reason", "").upper().replace("NONE", "")


def _iter_earlier_visits(variables: ChannelVariables, leg: ChannelLeg, zone: ZoneInfo) -> Iterator[QueueVisit]:
    """Yield the visits before the latest one from the callflow, because their variables have been overwritten."""
    canceled = parse_event_time(variables, "cc_queue_canceled", zone)
    for (queue, second), (_, following) in pairwise(leg.queue_entries):
        if not queue or queue == leg.queue:
            continue
        entered, left = _to_instant(second), _to_instant(following)
        talk = next((each for each in leg.talks if second <= each.begin < following), None)
        if talk:
            yield QueueVisit(
                switch_leg_id=leg.switch_leg_id,
                queue=queue,
                entered_at=entered,
                connected_at=_to_instant(talk.begin),
                left_at=_to_instant(talk.end) if talk.end else left,
                agent=talk.number,
                outcome="BLINDTRANSFER",
            )
            continue
        outcome = _OUTCOME_BY_CANCEL_REASON.get(variables.get("cc_cancel_reason", "").upper(), "EXITWITHTIMEOUT")
        if canceled and entered <= canceled <= left + _CLOCK_TOLERANCE:
            left = canceled
        yield QueueVisit(
            switch_leg_id=leg.switch_leg_id, queue=queue, entered_at=entered, left_at=left, outcome=outcome
        )


def _build_answers(variables: ChannelVariables, leg: ChannelLeg) -> list[QueueVisit]:
    member = variables.get("cc_member_session_uuid", "").lower()[:_MAX_ID_LENGTH]
    is_named = UUID.fullmatch(strip_domain(variables.get("cc_agent", ""))) is None
    if is_named or not member or leg.answer is None or _is_uuid_without_hyphens(leg.callee_agent):
        return []
    return [QueueVisit(switch_leg_id=member, queue=leg.queue, agent=leg.callee_agent)]


def _is_uuid_without_hyphens(agent: str) -> bool:
    return _UUID_DIGITS.fullmatch(agent) is not None


def _find_outcome(variables: ChannelVariables, leg: ChannelLeg, *, answered: datetime | None) -> str:
    """Return the last event of the visit. If the caller then talked to somebody else, the agent's talk ended by a transfer."""
    if answered is None:
        return _OUTCOME_BY_CANCEL_REASON.get(variables.get("cc_cancel_reason", "").upper(), "ABANDON")
    if any(_to_instant(talk.begin) > answered + _CLOCK_TOLERANCE for talk in leg.talks):
        return "BLINDTRANSFER"
    return "COMPLETECALLER" if "recv_bye" in variables.get("sip_hangup_disposition", "") else "COMPLETEAGENT"


def _to_instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)

"""Facts that the files of a switch do not tell, each with the reason. docs/pbx/not-shown.md lists them."""

from typing import NamedTuple

from tests.field.scenarios.compare import Fact


class Untold(NamedTuple):
    """Facts of some scenarios that the files of some switches do not tell."""

    switches: str  # their names, or how they begin, with blanks between
    facts: str  # with blanks between
    scenarios: str  # their names, or how they begin, with blanks between; "" for all
    reason: str
    only_short: bool = False  # only of calls with a number outside that is as short as an extension


class Claim(NamedTuple):
    """One fact that the files of a switch do not tell."""

    switch: str  # its name, or how it begins
    fact: str
    scenario: str  # its name, or how it begins; "" for all
    only_short: bool

    def covers(self, switch: str, fact: Fact) -> bool:
        return (
            switch.startswith(self.switch)
            and fact.name == self.fact
            and fact.scenario.startswith(self.scenario)
            and (fact.has_short_number or not self.only_short)
        )


_ASTERISK = "asterisk freepbx"
_NO_QUEUE_LOG = "freepbx-without-queue-log"
_A_LEGS = "fusionpbx-a-legs fusionpbx-json"
_OWN, _EXAMPLE = "freeswitch-own-csv", "freeswitch-csv"
_HANDED_OVER = "attended_transfer queue_attended_transfer feature_code_transfer"
_BLIND = "blind_transfer queue_blind_transfer transfer_outside transfer_to_queue"
_UNBRIDGED = (
    "group direct_no_answer direct_busy direct_voicemail queue_same_agent queue_second queue_timeout queue_blind queue_attended "
    "queue_abandoned_ringing queue_abandoned_second queue_rejected queue_ring_all queue_overflow queue_pick_up "
    f"outbound_busy outbound_no outbound_given_up internal_busy pick_up parking {_HANDED_OVER} {_BLIND}"
)
UNTOLD = (
    Untold(
        _ASTERISK,
        "talk",
        "blind_transfer queue_blind_transfer",
        "after a blind transfer the line's answer is the caller's own: the ringing of the new phone counts as talk",
    ),
    Untold(
        _ASTERISK,
        "talk",
        "click_to_call",
        "in a call that a program began, the line's answer is the agent's own: the ringing of the callee counts as talk",
    ),
    Untold(
        _ASTERISK,
        "cause",
        "outbound_not_found",
        "a number that does not exist is NO ANSWER, without a column hangupcause",
    ),
    Untold(
        "asterisk",
        "callee",
        "menu_hang_up",
        "where the dial plan ends in s or a menu, the number that was dialled is nowhere (FreePBX has it in the column did)",
    ),
    Untold(
        "asterisk",
        "callee",
        "queue_blind_transfer transfer_outside transfer_to_queue",
        "a transfer out of a queue changes dst of the caller's line to its target",
    ),
    Untold(
        "asterisk-11",
        "rang",
        "group queue_timeout queue_second queue_abandoned_ringing queue_abandoned_second queue_rejected queue_ring_all "
        "queue_overflow",
        "one line for a whole call: the phones that rang in vain are in the queue log alone, of which no rows are made",
    ),
    Untold(_NO_QUEUE_LOG, "cause", "queue_empty queue_timeout", "why a caller left a queue is in the queue log alone"),
    Untold(
        _NO_QUEUE_LOG,
        "queue wait",
        "queue_empty queue_timeout_voicemail",
        "the line names the application that came after the queue",
    ),
    Untold(_NO_QUEUE_LOG, "wait", "menu_then_queue", "when the caller entered the queue is in the queue log alone"),
    Untold(
        _NO_QUEUE_LOG,
        "hung_up",
        "queue internal_to_queue menu_then_queue two_at_once",
        "who hung up is in the queue log alone",
    ),
    Untold(
        _A_LEGS,
        "rang",
        "group pick_up",
        "without b-legs, only mod_callcenter logs the phones that rang in vain",
    ),
    Untold(
        _A_LEGS,
        "agent cause wait",
        f"{_HANDED_OVER} parking",
        "a caller's channel that is handed over or fetched from a parking slot becomes a b-leg and is not logged",
    ),
    Untold(_A_LEGS, "wait", "pick_up", "so does that of a caller who is picked up: when the call began is nowhere"),
    Untold(_A_LEGS, "queue", "queue_attended_transfer", "and the queue, if another agent is asked first"),
    Untold(_A_LEGS, "callee", "parking queue_pick_up", "and the number that was dialled"),
    Untold(_OWN, "talk", "click_to_call", "in a call that a program began, the answer is the agent's own"),
    Untold(f"{_OWN} {_EXAMPLE}", "callee", _BLIND, "destination_number is the latest, after a transfer its target"),
    Untold(_OWN, "call", "queue_timeout_voicemail direct_voicemail", "no column joins a loopback channel to its call"),
    Untold(
        _OWN,
        "caller",
        f"{_HANDED_OVER} parking pick_up queue_pick_up",
        "caller_id_number is the other side's once a channel is handed over or picked up",
    ),
    Untold(
        _OWN,
        "agent",
        "attended_transfer queue_attended_transfer parking pick_up queue_pick_up",
        "and no column joins the channel that took the call over to the caller's",
    ),
    Untold(_OWN, "call recording", "pick_up queue_pick_up", "so that a call that was picked up is two"),
    Untold(_OWN, "call callee", "parking", "as is one that was parked"),
    Untold(_OWN, "cause", _HANDED_OVER, "and that an agent handed over is not to be seen"),
    Untold(_OWN, "talk", "feature_code_transfer", "nor when"),
    Untold(_OWN, "hung_up", "queue_pick_up", "nor who hung up"),
    Untold(
        _EXAMPLE,
        "direction recording",
        "",
        "neither the gateway nor the profile is a column: a short number outside (10086) looks like an extension",
        only_short=True,
    ),
    Untold(_EXAMPLE, "agent rang", "", "so that it counts as the agent's number", only_short=True),
    Untold(_EXAMPLE, "call", _UNBRIDGED, "no column joins channels that were not bridged to each other last"),
    Untold(
        _EXAMPLE,
        "rang",
        "group queue_timeout queue_second queue_ring_all queue_abandoned_ringing queue_abandoned_second queue_pick_up "
        "queue_rejected queue_overflow direct_voicemail pick_up",
        "so that phones that rang in vain are in calls of their own",
    ),
    Untold(
        _EXAMPLE,
        "agent",
        f"group_nobody conference queue_timeout queue_empty queue_abandoned callback direct_voicemail {_BLIND} queue_pick_up",
        "the number of a queue, a group, a conference or a mailbox looks like an extension",
    ),
    Untold(_EXAMPLE, "rang", "queue_empty", "and such a phone rings"),
    Untold(
        _EXAMPLE,
        "queue",
        "queue internal_to_queue menu_then_queue two_at_once callback transfer",
        "no column of mod_callcenter names the queue",
    ),
    Untold(
        _EXAMPLE,
        "hung_up",
        "queue internal_to_queue menu_then_queue two_at_once",
        "nor who hung up",
    ),
    Untold(
        _EXAMPLE,
        "wait",
        f"queue_timeout queue_empty queue_abandoned menu_then_queue callback queue_pick_up queue_attended conference {_BLIND}",
        "nor when the caller entered it or was answered",
    ),
    Untold(_EXAMPLE, "cause", "queue_timeout queue_empty queue_abandoned callback", "nor why the caller left it"),
    Untold(_EXAMPLE, "cause", f"{_BLIND} {_HANDED_OVER} parking", "no column says that a call was transferred"),
    Untold(_EXAMPLE, "recording", "transfer_outside", "and the agent who transferred it is in a call of its own"),
    Untold(
        _EXAMPLE,
        "caller direction",
        f"click_to_call pick_up queue_pick_up parking {_HANDED_OVER}",
        "without a column of the direction, a channel that the switch dialled looks like one that dialled",
    ),
    Untold(
        _EXAMPLE,
        "agent recording",
        f"pick_up queue_pick_up parking {_HANDED_OVER}",
        "so that the wrong phone counts",
    ),
    Untold(_EXAMPLE, "agent", "click_to_call", "or none"),
    Untold(_EXAMPLE, "talk", "attended_transfer feature_code_transfer", "and its times are of all talks together"),
    Untold(_EXAMPLE, "callee", "parking", "the number of the slot is the latest"),
)


def list_claims() -> list[Claim]:
    """Return all single claims."""
    return [
        Claim(switch, fact, scenario, untold.only_short)
        for untold in UNTOLD
        for switch in untold.switches.split()
        for fact in untold.facts.split()
        for scenario in untold.scenarios.split() or [""]
    ]


_CLAIMS = list_claims()


def find_claims(switch: str, fact: Fact) -> list[Claim]:
    """Return the claims by which the files of the switch do not tell the fact; [] if they tell it."""
    return [claim for claim in _CLAIMS if claim.covers(switch, fact)]

"""Facts that the files of a switch do not tell, each with the reason. docs/ingest.md lists them."""

from typing import NamedTuple

from tests.field.scenarios.compare import Fact


class Untold(NamedTuple):
    """Facts of some scenarios that the files of some switches do not tell."""

    switches: str  # how their names begin, with blanks between; "" for all
    facts: str  # with blanks between; "" for all
    scenarios: str  # how their names begin, with blanks between; "" for all
    reason: str
    only_short: bool = False  # only of calls with a number outside that is as short as an extension

    def covers(self, switch: str, fact: Fact) -> bool:
        return (
            _begins(switch, self.switches)
            and (not self.facts or fact.name in self.facts.split())
            and _begins(fact.scenario, self.scenarios)
            and (fact.has_short_number or not self.only_short)
        )


_ASTERISK = "asterisk freepbx"
_PLAIN = "asterisk"
_A_LEGS = "fusionpbx-a-legs fusionpbx-json"
_BRIDGED = "attended_transfer queue_attended feature_code pick_up queue_pick_up"
UNTOLD = (
    Untold(
        _ASTERISK, "talk", "blind_transfer queue_blind_transfer", "answer is the caller's own: ringing counts as talk"
    ),
    Untold(_ASTERISK, "talk", "click_to_call", "answer is the agent's own: the ringing of the callee counts as talk"),
    Untold(_ASTERISK, "cause", "outbound_not_found", "SIP's 404 is NO ANSWER unless the CDR has hangupcause"),
    Untold(_ASTERISK, "talk wait", "conference", "the line of a pair begins before the second has joined"),
    Untold(_PLAIN, "callee", "menu_hang_up", "dst is s, and without the column did the number dialled is nowhere"),
    Untold(
        _PLAIN, "callee", "transfer_outside transfer_to_queue queue_blind_transfer", "dst becomes the transfer's target"
    ),
    Untold("asterisk-11", "rang", "", "one line for a call: phones that rang in vain are in the queue log alone"),
    Untold("freepbx-without-queue-log", "cause queue wait", "queue_empty queue_timeout", "no line of the queue"),
    Untold("freepbx-without-queue-log", "wait", "menu_then_queue", "the line begins with the call, not with the queue"),
    Untold("freepbx-without-queue-log", "hung_up", "", "who hung up is in the queue log alone"),
    Untold(_A_LEGS, "rang", "", "originated_legs names the phones that rang in vain, but not when"),
    Untold(
        _A_LEGS,
        "call callee queue agent wait cause hung_up",
        f"{_BRIDGED} parking",
        "the caller's channel becomes a b-leg when it is bridged to a channel that joins it: it is not logged",
    ),
    Untold("freeswitch-own-csv", "talk", "click_to_call", "the answer is the agent's own"),
    Untold("freeswitch-own-csv", "callee", "blind_transfer queue_blind transfer_", "destination_number is the latest"),
    Untold("freeswitch-own-csv", "call", "queue_timeout_voicemail direct_voicemail", "no column joins a loopback channel"),
    Untold(
        "freeswitch-own-csv", "", f"{_BRIDGED} parking", "caller_id_number is swapped, and no column joins the channels"
    ),
    Untold("freeswitch-csv", "queue agent rang wait cause hung_up", "", "no columns of mod_callcenter"),
    Untold("freeswitch-csv", "", "", "neither the gateway nor the profile: 10086 looks like an extension", only_short=True),
    Untold("freeswitch-csv", "call", "", "no column joins channels that were not bridged to each other last"),
    Untold("freeswitch-csv", "callee", "blind_transfer queue_blind transfer_", "destination_number is the latest"),
    Untold("freeswitch-csv", "", f"{_BRIDGED} parking click_to_call conference", "neither direction nor joining columns"),
)


def is_told(switch: str, fact: Fact) -> bool:
    """Return whether the files of the switch tell the fact."""
    return not any(untold.covers(switch, fact) for untold in UNTOLD)


def _begins(name: str, prefixes: str) -> bool:
    return not prefixes or name.startswith(tuple(prefixes.split()))

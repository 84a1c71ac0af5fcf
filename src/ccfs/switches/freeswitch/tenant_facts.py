"""Read a channel's tenant from its variables: the facts that tenant rules match, and the domain of FusionPBX."""

from ccfs.switches.freeswitch.parties import INSIDE, ChannelParties, strip_domain
from ccfs.switches.freeswitch.variables import ChannelVariables
from ccfs.switches.tenant_rules import MAX_VALUE_LENGTH, CallFacts, collect_facts, is_domain_name

# The first that a channel has is its domain: a call from one tenant to another has the other's as dialed_domain.
_DOMAIN_VARIABLES = ("domain_name", "dialed_domain", "sip_auth_realm")
_DID_VARIABLES = ("destination_number", "caller_destination", "sip_to_user", "sip_req_user")


def collect_call_facts(variables: ChannelVariables, parties: ChannelParties) -> CallFacts:
    """Return the facts that tenant rules match. A number that an extension dialled is not a DID of its tenant."""
    queue, context, code = (variables.get(name, "") for name in ("cc_queue", "context", "accountcode"))
    is_inbound = parties.direction != "outbound" and not parties.caller_agent and parties.caller_side != INSIDE
    candidates = [*(variables.get(name, "") for name in _DOMAIN_VARIABLES), queue.partition("@")[2]]
    candidates += filter(is_domain_name, (context, code))
    pairs = [("domain", next(filter(None, candidates), "")), ("domain", variables.get("domain_uuid", ""))]
    pairs += [("context", context), ("accountcode", code)]
    pairs += [("did", variables.get(name, "")) for name in _DID_VARIABLES if is_inbound]
    return collect_facts([*pairs, ("queue", queue), ("queue", strip_domain(queue))])


def find_domain(variables: ChannelVariables) -> str:
    """Return the domain that identifies the channel's tenant, in lower case; "" if there is none.

    FusionPBX uses the domain's name as the context of its dial plan.
    """
    domain, context = variables.get("domain_name", ""), variables.get("context", "")
    return (domain or (context if is_domain_name(context) else ""))[:MAX_VALUE_LENGTH].lower()

"""Convert rows of FreeSWITCH's tables to channel variables: FusionPBX's v_xml_cdr, and tables with columns of mod_cdr_csv.

FusionPBX stores some variables in columns, and the complete CDR as JSON or XML in another column or table. Its own
columns, and what it decided itself (the recording that exists), are added to the document's variables.
"""

from collections.abc import Mapping

from ccfs.switches.freeswitch.formats.documents import extract_json_variables, parse_json, parse_xml_variables
from ccfs.switches.freeswitch.variables import ChannelVariables, clean_values
from ccfs.switches.records import UnreadableLine

COLUMNS = (  # columns that are read, where a table has them
    *("xml_cdr_uuid", "uuid", "bleg_uuid", "bridge_uuid", "originating_leg_uuid", "call_uuid", "originator", "leg"),
    *("direction", "context", "accountcode", "domain_name", "caller_id_name", "caller_id_number", "destination_number"),
    *("start_epoch", "answer_epoch", "end_epoch", "start_uepoch", "answer_uepoch", "end_uepoch"),
    *("start_stamp", "answer_stamp", "end_stamp", "duration", "billsec", "last_app", "last_arg"),
    *("cc_side", "cc_queue", "cc_agent", "cc_agent_uuid", "cc_member_session_uuid", "cc_cancel_reason"),
    *("cc_queue_joined_epoch", "cc_queue_answered_epoch", "cc_queue_terminated_epoch", "cc_queue_canceled_epoch"),
    *("hangup_cause", "hangup_cause_q850", "sip_hangup_disposition", "channel_name", "sip_gateway_name"),
    *("user_name", "dialed_user", "record_path", "record_name", "record_file", "extension_uuid"),
)
DOCUMENT_COLUMNS = ("json", "xml")
ID_COLUMNS = ("xml_cdr_uuid", "uuid")
_DECIDED = ("record_path", "record_name")  # FusionPBX's own choice of a file that exists
_LEG_DIRECTIONS = {"a": "inbound", "b": "outbound"}  # of a channel, where only its leg is known


def build_variables(columns: Mapping[str, str], document: str, extension: str = "") -> ChannelVariables:
    """Return the variables of a row; `document` is the CDR as JSON or XML, or "".

    `extension` is the one that FusionPBX counts the call for: who answered, or who called out. A document that cannot be parsed is left out: the columns say enough. Raise UnreadableLine if the row has no uuid.
    """
    own = _read_columns(columns, extension)
    if not own.get("uuid"):
        raise UnreadableLine("no uuid")
    stored = _read_document(document)
    known = {name: value for name, value in stored.items() if value}
    decided = {name: own[name] for name in _DECIDED if own.get(name)}
    return {**own, **known, **decided, "uuid": own["uuid"]}


def _read_columns(columns: Mapping[str, str], extension: str) -> dict[str, str]:
    values = clean_values({name: value for name, value in columns.items() if value})
    if "xml_cdr_uuid" not in values:
        return values
    values["uuid"] = values.pop("xml_cdr_uuid")
    if direction := values.pop("direction", ""):  # the call's: inbound, outbound or local
        values["call_direction"] = direction
    if side := _LEG_DIRECTIONS.get(values.pop("leg", "")):
        values["direction"] = side
    if extension:
        is_caller = values.get("call_direction") == "outbound"
        values["user_name" if is_caller else "last_sent_callee_id_number"] = extension
    return values


def _read_document(document: str) -> ChannelVariables:
    text = document.strip()
    try:
        if text.startswith("<"):
            return parse_xml_variables(text.encode())
        return extract_json_variables(parse_json(text.encode())) if text else {}
    except UnreadableLine:
        return {}

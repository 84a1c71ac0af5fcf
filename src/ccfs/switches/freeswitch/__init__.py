"""Parse the files of FreeSWITCH: mod_cdr_csv, mod_json_cdr and mod_xml_cdr, with the variables of mod_callcenter.

`parse_cdr_data` parses a CDR file, `parse_channels` variables that were read already; `join_call_legs` joins the channels of
a call, `join_call_talks` their talks, too; `find_channel_ids` returns the channels
that a recording's file name contains; `parse_columns` reads an operator's CSV template.
"""

from ccfs.switches.freeswitch.formats.csv_lines import TEMPLATES, parse_columns
from ccfs.switches.freeswitch.formats.xml_repair import RepairNote
from ccfs.switches.freeswitch.join_legs import join_call_legs, join_call_talks
from ccfs.switches.freeswitch.legs import DEFAULT_AGENT_PATTERN
from ccfs.switches.freeswitch.parser import FreeSwitchRecord, parse_cdr_data, parse_channels
from ccfs.switches.freeswitch.recordings import find_channel_ids
from ccfs.switches.freeswitch.roles import ChannelLeg

__all__ = [
    "DEFAULT_AGENT_PATTERN",
    "TEMPLATES",
    "ChannelLeg",
    "FreeSwitchRecord",
    "RepairNote",
    "find_channel_ids",
    "join_call_legs",
    "join_call_talks",
    "parse_cdr_data",
    "parse_channels",
    "parse_columns",
]

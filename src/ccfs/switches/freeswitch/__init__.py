"""What FreeSWITCH leaves: mod_cdr_csv, mod_json_cdr and mod_xml_cdr, with what mod_callcenter adds. Pure parsing.

`read` reads a CDR file; `meet` brings the channels of one call together; `call_of` tells which channels a recording's
file name mentions; `columns_of` reads an operator's CSV template.
"""

from ccfs.switches.freeswitch.calls import meet
from ccfs.switches.freeswitch.channel import AGENTS, Channel
from ccfs.switches.freeswitch.csv_lines import TEMPLATES, columns_of
from ccfs.switches.freeswitch.reading import Found, read
from ccfs.switches.freeswitch.recordings import call_of

__all__ = ["AGENTS", "TEMPLATES", "Channel", "Found", "call_of", "columns_of", "meet", "read"]

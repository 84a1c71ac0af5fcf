"""Names of channels and queue members, and which of them identify an agent's phone."""

import re
from collections.abc import Collection
from dataclasses import dataclass

AGENT_NUMBER_PATTERN = r"(\d{2,6})(?:-WS)?"  # MikoPBX names the browser's phone of extension 201 "201-WS"
_TRUNK_TECHNOLOGIES = frozenset(
    {"DAHDI", "Zap", "mISDN", "CAPI", "Dongle", "Khomp"}
)  # their names are of lines, not of agents
_CHANNEL_NAME = re.compile(r"Local/([^@]*)@.*|[^/]*/(.*?)(?:-[0-9a-fA-F]+)?(?:;[12])?", re.DOTALL)
# FreePBX's browser phone and softphone of extension 1001 are the devices 991001 and 981001.
_SECOND_PHONE = re.compile(r"9[089](\d{2,})", re.ASCII)
_SIP_ESCAPE = re.compile(r'\\{1,3}(["\\])')  # chan_sip leaves one backslash before a quote, chan_pjsip three


@dataclass(frozen=True, slots=True)
class AgentMatcher:
    """Decides who is an agent: names that match the whole pattern, and names known from the queue log.

    The pattern's first group, if any, is the agent's number.
    """

    pattern: re.Pattern[str] = re.compile(AGENT_NUMBER_PATTERN, re.ASCII)
    known_agents: frozenset[str] = frozenset()

    def is_agent(self, name: str) -> bool:
        """Return whether a name identifies an agent."""
        return bool(self.find_number(name)) or name in self.known_agents

    def find_number(self, name: str) -> str:
        """Return the agent's number in a name that matches the pattern, else ""."""
        match = self.pattern.fullmatch(name)
        return (match[1] if match.re.groups and match[1] else match[0]) if match else ""

    def find_agent(self, channel: str, line_numbers: Collection[str] = ()) -> str:
        """Return the agent or extension to whose phone a channel leads, otherwise "".

        `line_numbers`: numbers in the channel's CDR line. They reveal, for example, that 991001 is a second phone of
        1001.
        """
        if not channel:
            return ""
        name = parse_endpoint(channel)
        number = self.find_number(name) if channel.partition("/")[0] not in _TRUNK_TECHNOLOGIES else ""
        second = _SECOND_PHONE.fullmatch(number)
        if second and number not in line_numbers and second[1] in line_numbers:
            return second[1]
        return number or (name if name in self.known_agents else "")


def parse_endpoint(channel: str) -> str:
    """Return the peer of a channel's name: 1001 of PJSIP/1001-0000001a, of Local/1001@queue-00000001;2 and of Agent/1001."""
    match = _CHANNEL_NAME.fullmatch(channel)
    return match[match.lastindex or 0] if match else channel


def parse_member(name: str) -> str:
    """Return the agent in a queue log: the number of PJSIP/1001, Agent/1001 or Local/1001@…, otherwise the text itself."""
    _, slash, peer = name.partition("/")
    return peer.partition("@")[0] if slash else name


def parse_caller_name(clid: str) -> str:
    """Return the name in `"Name" <number>` without the escapes of SIP, else ""."""
    parts = _split_caller_id(clid)
    return _SIP_ESCAPE.sub(r"\1", parts[0]).strip() if parts else ""


def parse_caller_number(clid: str) -> str:
    """Return the number in `"Name" <number>`, or any other caller id unchanged."""
    parts = _split_caller_id(clid)
    return parts[1] if parts else clid


def _split_caller_id(clid: str) -> tuple[str, str] | None:
    """Return name and number of `"Name" <number>`, None of any other text. The number is within the last brackets."""
    name, bracket, number = clid.strip().rpartition("<")
    if not bracket or not number.endswith(">") or number.count(">") > 1:
        return None
    return name.rstrip().removeprefix('"').removesuffix('"').strip(), number[:-1]

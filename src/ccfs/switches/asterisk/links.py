"""Links between lines whose ids do not tell that they are of one call: shared channels and shared conferences.

A line without linkedid has only its own channel's id: lines that name the same channel at the same time are of one call.
Participants of a conference have calls of their own, each with its own linkedid.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ccfs.switches.asterisk.calls import AsteriskLeg
from ccfs.switches.asterisk.clock import parse_creation

# Names that Asterisk gives to one channel only. Others (DAHDI/1-1) return with the next call.
_OWN_NAME = re.compile(r"Local/.{1,200}-[0-9a-f]{4,8}[;,][12]|[^/]{1,32}/.{1,200}-[0-9a-f]{8}", re.DOTALL)
_HALF_MARKS = (";1", ";2", ",1", ",2")
_CLOCK_STEP = timedelta(seconds=1)  # of a CDR's times


def list_links(leg: AsteriskLeg) -> tuple[str, ...]:
    """Return the texts that a leg shares with other legs of its call, as the leg's own line has them.

    They are the conference and the call's id, by which the call's later lines find it; else the channels, if the line has no
    linkedid.
    """
    if leg.conference:
        return f"{leg.app}/{leg.conference}", leg.switch_call_id
    if not leg.is_unlinked:
        return ()
    return tuple(dict.fromkeys(name for name in map(_find_own_name, (leg.channel, leg.dstchannel)) if name))


def unite_calls(legs: Iterable[AsteriskLeg]) -> list[AsteriskLeg]:
    """Return the legs; those without linkedid that share a channel have the id of the channel that was created first.

    A channel's own lines are of the call of the line that dialled it first. A line that reached it later, after a transfer,
    is of another call, as it is with linkedids.
    """
    legs = list(legs)
    by_link: dict[str, list[AsteriskLeg]] = defaultdict(list)
    for leg in legs:
        for link in () if leg.conference else list_links(leg):
            by_link[link].append(leg)
    if not by_link:
        return legs
    groups = CallGroups()
    for link, linked in by_link.items():
        for span in split_by_time(linked):
            own = [leg for leg in span if _find_own_name(leg.channel) == link]
            dialling = [leg for leg in span if _find_own_name(leg.channel) != link]
            groups.unite(leg.switch_call_id for leg in (*dialling[:1], *own))
    firsts: dict[str, AsteriskLeg] = {}
    for leg in legs:
        root = groups.find(leg.switch_call_id)
        if root not in firsts or _creation_key(leg) < _creation_key(firsts[root]):
            firsts[root] = leg
    ids = {root: leg.switch_call_id for root, leg in firsts.items()}
    return [replace_call(leg, ids[groups.find(leg.switch_call_id)]) for leg in legs]


def split_by_time(legs: Iterable[AsteriskLeg]) -> list[list[AsteriskLeg]]:
    """Return the legs in groups that overlap in time, each in order."""
    spans: list[list[AsteriskLeg]] = []
    until = datetime.min.replace(tzinfo=UTC)
    for leg in sorted(legs, key=lambda leg: (leg.begin, leg.order, leg.source_key)):
        if leg.begin > until + _CLOCK_STEP:
            spans.append([])
        spans[-1].append(leg)
        until = max(until, leg.end)
    return spans


def replace_call(leg: AsteriskLeg, call_id: str) -> AsteriskLeg:
    """Return the leg as one of this call."""
    return leg if leg.switch_call_id == call_id else replace(leg, switch_call_id=call_id)


class CallGroups:
    """Groups of ids of calls that are one call."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def unite(self, call_ids: Iterable[str]) -> None:
        """Make calls one."""
        ids = list(call_ids)
        for call_id in ids[1:]:
            self._parents[self.find(call_id)] = self.find(ids[0])

    def find(self, call_id: str) -> str:
        """Return the id of the group that a call is in."""
        root = call_id
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while call_id != root:  # later searches take one step
            self._parents[call_id], call_id = root, self._parents[call_id]
        return root


def _find_own_name(channel: str) -> str:
    """Return the name of a channel that no other one has at the time, without the mark of its half; else ""."""
    if not _OWN_NAME.fullmatch(channel):
        return ""
    return channel[:-2] if channel.endswith(_HALF_MARKS) else channel


def _creation_key(leg: AsteriskLeg) -> tuple[tuple[int, int], Sequence[float | str], str]:
    return parse_creation(leg.switch_leg_id) or (int(leg.begin.timestamp()), -1), leg.order, leg.source_key

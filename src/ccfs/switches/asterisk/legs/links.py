"""Links between lines whose ids do not show that they belong to the same call: shared channels and conferences.

A line without linkedid has only its own channel's id: lines that name the same channel at the same time belong to one
call. Each participant of a conference has a separate call with its own linkedid.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ccfs.switches.asterisk.cdr_files.clock import parse_creation
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg

# Names that Asterisk gives to one channel only. Others (DAHDI/1-1) return with the next call.
_OWN_NAME = re.compile(r"Local/.{1,200}-[0-9a-f]{4,8}[;,][12]|[^/]{1,32}/.{1,200}-[0-9a-f]{8}", re.DOTALL)
_HALF_MARKS = (";1", ";2", ",1", ",2")
_CLOCK_STEP = timedelta(seconds=1)  # of a CDR's times


def list_links(leg: AsteriskLeg) -> tuple[str, ...]:
    """Return the texts that a leg shares with other legs of its call, as its line contains them.

    These are the conference and the call's id, by which later lines of the call find it. If the line has no linkedid,
    they are the channels.
    """
    if leg.conference:
        return f"{leg.app}/{leg.conference}", leg.switch_call_id
    if not leg.is_unlinked:
        return ()
    return tuple(dict.fromkeys(name for name in map(_find_own_name, (leg.channel, leg.dstchannel)) if name))


def unite_calls(legs: Iterable[AsteriskLeg]) -> list[AsteriskLeg]:
    """Return the legs. Those without linkedid that share a channel get the id of the channel that was created first.

    A channel's own lines belong to the call of the line that first dialled it. A line that reached it later, after a
    transfer, belongs to another call, just as with linkedids.
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
    """Return the leg as part of this call."""
    return leg if leg.switch_call_id == call_id else replace(leg, switch_call_id=call_id)


class CallGroups:
    """Groups of call ids that belong to the same call."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def unite(self, call_ids: Iterable[str]) -> None:
        """Merge the groups of calls."""
        ids = list(call_ids)
        for call_id in ids[1:]:
            self._parents[self.find(call_id)] = self.find(ids[0])

    def find(self, call_id: str) -> str:
        """Return the id of a call's group."""
        root = call_id
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while call_id != root:  # later searches take one step
            self._parents[call_id], call_id = root, self._parents[call_id]
        return root


def _find_own_name(channel: str) -> str:
    """Return the channel's name without the mark of its half, if no other channel has it at that time; otherwise ""."""
    if not _OWN_NAME.fullmatch(channel):
        return ""
    return channel[:-2] if channel.endswith(_HALF_MARKS) else channel


def _creation_key(leg: AsteriskLeg) -> tuple[tuple[int, int], Sequence[float | str], str]:
    return parse_creation(leg.switch_leg_id) or (int(leg.begin.timestamp()), -1), leg.order, leg.source_key

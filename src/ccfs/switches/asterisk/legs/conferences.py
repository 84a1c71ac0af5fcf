"""Join the lines of a conference (ConfBridge, MeetMe): each participant talks once, and those who met share a call.

ConfBridge writes a line for each pair: a→b, a→c, b→c, and c→ with 0 seconds; each participant has its own linkedid.
Lines of MeetMe have no second channel.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.links import CallGroups, list_links, replace_call, split_by_time

MAX_MEETING_LEGS = 500  # of one meeting; a file in which one has more is damaged, and its lines stay as they are
_Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Meeting:
    """The participants of a conference at one time, and when each of them was present."""

    legs: Sequence[AsteriskLeg]  # in order
    presence: Mapping[str, _Span]  # by channel

    def find_talk(self, channel: str) -> _Span | None:
        """Return the period in which somebody else was present, too."""
        others = [span for name, span in self.presence.items() if name != channel]
        begin = max(self.presence[channel][0], min(span[0] for span in others))
        end = min(self.presence[channel][1], max(span[1] for span in others))
        return (begin, end) if begin < end else None

    def is_of_all(self) -> bool:
        """Return whether several participants were all present at the same time."""
        if len(self.presence) < 2:
            return False
        return max(span[0] for span in self.presence.values()) <= min(span[1] for span in self.presence.values())


def join_conferences(legs: Sequence[AsteriskLeg]) -> list[AsteriskLeg]:
    """Return the legs. Those of conferences get each participant's talk and the id of the common call.

    An agent may stay in a conference for a whole shift and meet one caller after another: calls of participants who
    were never all present at the same time stay separate.
    """
    meetings = [_describe_meeting(span) for span in _split_conferences(legs) if len(span) <= MAX_MEETING_LEGS]
    if not meetings:
        return list(legs)
    changed = {leg.source_key: leg for meeting in meetings for leg in _adjust_meeting(meeting)}
    groups = CallGroups()
    united = [meeting.legs for meeting in meetings if meeting.is_of_all()]
    for met in united:
        groups.unite(leg.switch_call_id for leg in met)
    main: dict[str, AsteriskLeg] = {}
    for leg in chain.from_iterable(united):
        root = groups.find(leg.switch_call_id)
        main[root] = min(main.get(root, leg), leg, key=_rank_caller)
    ids = {root: leg.switch_call_id for root, leg in main.items()}
    joined = (changed.get(leg.source_key, leg) for leg in legs)
    return [replace_call(leg, ids.get(groups.find(leg.switch_call_id), leg.switch_call_id)) for leg in joined]


def _split_conferences(legs: Sequence[AsteriskLeg]) -> Iterator[list[AsteriskLeg]]:
    by_room: dict[str, list[AsteriskLeg]] = defaultdict(list)
    for leg in legs:
        if leg.conference:
            by_room[list_links(leg)[0]].append(leg)
    for room in by_room.values():
        yield from split_by_time(room)


def _rank_caller(leg: AsteriskLeg) -> tuple[bool, tuple[float | str, ...], str]:
    """Return a key that sorts the legs of a meeting: callers from outside first, then the earliest."""
    return bool(leg.calling_agent), leg.order, leg.source_key


def _describe_meeting(legs: Sequence[AsteriskLeg]) -> _Meeting:
    """Return the periods in which each participant was present. A pair's line may begin before the second one arrives,

    whose own line shows the time.
    """
    presence: dict[str, _Span] = {}
    own_begins: dict[str, datetime] = {}
    for leg in legs:
        own_begins[leg.channel] = min(own_begins.get(leg.channel, leg.begin), leg.begin)
        for channel in filter(None, (leg.channel, leg.dstchannel)):
            begin, end = presence.get(channel, (leg.begin, leg.end))
            presence[channel] = min(begin, leg.begin), max(end, leg.end)
    return _Meeting(legs, {name: (own_begins.get(name, begin), end) for name, (begin, end) in presence.items()})


def _adjust_meeting(meeting: _Meeting) -> list[AsteriskLeg]:
    """Return the legs: the first of each channel gets its talk, the others have none."""
    own = {leg.channel for leg in meeting.legs}
    seen: set[str] = set()
    adjusted = []
    for leg in meeting.legs:
        # A phone without a line of its own talks on the first one that reaches it.
        channel = leg.dstchannel if leg.dstchannel and leg.dstchannel not in own else leg.channel
        adjusted.append(_give_talk(leg, meeting, channel) if channel not in seen else _clear(leg))
        seen.add(channel)
    return adjusted


def _give_talk(leg: AsteriskLeg, meeting: _Meeting, channel: str) -> AsteriskLeg:
    """Return the leg as one participant's, with that participant's talk."""
    agent = leg.calling_agent if channel == leg.channel else leg.ringing_agent
    device = DeviceType.AGENT if agent else DeviceType.FLOW
    leg = replace(leg, device_type=device, device_name=agent or leg.context, agent=agent)
    if len(meeting.presence) == 1:
        return leg
    talk = meeting.find_talk(channel)
    end = talk[1] if talk else meeting.presence[channel][1]
    return replace(leg, answer=talk and max(talk[0], leg.begin), end=max(end, leg.begin))


def _clear(leg: AsteriskLeg) -> AsteriskLeg:
    return replace(
        leg,
        answer=None,
        end=leg.begin,
        is_waiting=True,
        device_type=DeviceType.FLOW,
        device_name=leg.context,
        agent="",
    )

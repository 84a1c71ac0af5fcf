"""A week of FreeSWITCH: lines of mod_cdr_csv, documents of mod_json_cdr and mod_xml_cdr, and recordings, as events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.soak.week.asterisk_week import DAYS, FIRST_DAY, ZONE
from tests.soak.week.audio_files import iter_recording_events
from tests.soak.week.steps import FREESWITCH_LOG, Event, FileAction, FileStep, LineStep

_ZONE = ZoneInfo(ZONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of a call."""

    uuid: str
    caller: str
    callee: str
    begin: int
    answer: int
    end: int
    a_leg: str = ""  # of a b-leg: the uuid of the other


def iter_events(seed: int, calls: int) -> Iterator[Event]:
    """Yield the events of a week with so many calls, in no order."""
    random = Random(f"freeswitch {seed}")
    monday = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=_ZONE)
    for number in range(calls):
        day = monday + timedelta(days=number * DAYS // calls)
        begin = int(day.timestamp() + random.uniform(8, 18) * 3600)
        legs = _create_call(random, begin)
        for leg in legs:
            yield from _iter_leg_events(random, leg, number % 3)
        if random.random() < 0.5:
            first, dated = legs[0], f"{datetime.fromtimestamp(begin, _ZONE):%Y/%m/%d}"
            path, moved = (f"freeswitch/recordings/{name}{first.uuid}.wav" for name in ("", f"{dated}/"))
            yield from iter_recording_events(random, path, moved, first.answer, first.end, 9_000_000 + number)
        if number % 40 == 0:
            yield Event(begin, LineStep(FREESWITCH_LOG, f'"nonsense","{number}"\n'))


def _create_call(random: Random, begin: int) -> tuple[Channel, Channel]:
    first, second = (str(UUID(int=random.getrandbits(128), version=4)) for _ in range(2))
    answer = begin + random.randint(2, 12)
    end = answer + random.randint(3, 240)
    caller, agent = f"0207946{random.randrange(10_000):04d}", f"10{random.randrange(20):02d}"
    return (
        Channel(uuid=first, caller=caller, callee=agent, begin=begin, answer=answer, end=end),
        Channel(uuid=second, caller=caller, callee=agent, begin=begin + 1, answer=answer, end=end, a_leg=first),
    )


def _iter_leg_events(random: Random, leg: Channel, kind: int) -> Iterator[Event]:
    """Yield a line, or a document that is renamed into place or written in two steps."""
    at = leg.end + random.uniform(0, 2)
    if kind == 0:
        yield Event(at, LineStep(FREESWITCH_LOG, _format_line(leg)))
        return
    data = (_format_json(leg) if kind == 1 else _format_xml(leg)).encode()
    path = f"freeswitch/cdr/{leg.uuid}.{'json' if kind == 1 else 'xml'}"
    if random.random() < 0.6:
        yield Event(at, FileStep(path, FileAction.PUT, data))
        return
    cut = random.randrange(1, len(data))
    yield Event(at, FileStep(path, FileAction.BEGIN, data[:cut]))
    pause = at + random.uniform(10, 900)
    yield Event(pause, FileStep(path, FileAction.MORE, data[cut:]))
    yield Event(pause + 0.001, FileStep(path, FileAction.END))


def _format_line(leg: Channel) -> str:
    """Return a line of the template "example"."""
    times = (
        datetime.fromtimestamp(second, _ZONE).strftime("%Y-%m-%d %H:%M:%S")
        for second in (leg.begin, leg.answer, leg.end)
    )
    fields = ["Ann", leg.caller, leg.callee, "public", *times, str(leg.end - leg.begin), str(leg.end - leg.answer)]
    fields += ["NORMAL_CLEARING", leg.uuid, leg.a_leg, "", "PCMU", "PCMU"]
    return ",".join(f'"{field}"' for field in fields) + "\n"


def _get_variables(leg: Channel) -> dict[str, str]:
    variables = {"direction": "outbound" if leg.a_leg else "inbound", "uuid": leg.uuid}
    if leg.a_leg:
        variables |= {"originator": leg.a_leg, "dialed_user": leg.callee}
    variables |= {"hangup_cause": "NORMAL_CLEARING", "hangup_cause_q850": "16"}
    epochs = {"start_uepoch": leg.begin, "answer_uepoch": leg.answer, "end_uepoch": leg.end}
    return variables | {name: f"{second}000000" for name, second in epochs.items()}


def _format_json(leg: Channel) -> str:
    profile = {"caller_id_name": "Ann", "caller_id_number": leg.caller, "destination_number": leg.callee}
    variables = _get_variables(leg)
    channel = {"direction": variables["direction"]}
    flow = [{"caller_profile": {**profile, "context": "public"}}]
    return json.dumps({"channel_data": channel, "variables": variables, "callflow": flow})


def _format_xml(leg: Channel) -> str:
    variables = _get_variables(leg)
    texts = "".join(f"<{name}>{value}</{name}>" for name, value in variables.items())
    profile = f"<caller_id_name>Ann</caller_id_name><caller_id_number>{leg.caller}</caller_id_number>"
    profile += f"<destination_number>{leg.callee}</destination_number><context>public</context>"
    return (
        f"<cdr><channel_data><direction>{variables['direction']}</direction></channel_data><variables>{texts}</variables>"
        f"<callflow><caller_profile>{profile}</caller_profile></callflow></cdr>\n"
    )

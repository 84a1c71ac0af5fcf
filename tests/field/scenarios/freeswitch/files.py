"""The files of a simulated FreeSWITCH: a JSON or XML document for each channel, or lines of mod_cdr_csv."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from tests.field.scenarios.freeswitch.channels import FsChannel, Profile

CSV_EXAMPLE = (
    "caller_id_name,caller_id_number,destination_number,context,start_stamp,answer_stamp,end_stamp,duration,billsec,"
    "hangup_cause,uuid,bleg_uuid,accountcode,read_codec,write_codec"
)
_UNSAFE = re.compile(r"[\r\n #%&+:;<=>?@\[\\\]^`{|}\"]")
_PROFILE_KEYS = {
    "username": "username",
    "caller_id_name": "caller_name",
    "ani": "ani",
    "caller_id_number": "caller_number",
    "destination_number": "destination",
    "uuid": "uuid",
    "context": "context",
    "chan_name": "channel_name",
}
_CALLEE_KEYS = {
    "callee_id_name": "callee_name",
    "callee_id_number": "callee_number",
}  # older versions lack them in JSON
_TIME_KEYS = {
    "profile_created_time": "created",
    "answered_time": "answered",
    "bridged_time": "bridged",
    "hangup_time": "hung_up",
    "transfer_time": "transferred",
}


def format_json(channel: FsChannel, *, encodes: bool) -> str:
    """Return the document of mod_json_cdr."""
    variables = {**channel.variables, **list_times(channel)}
    variables |= {
        name: values[0] if len(values) == 1 else "ARRAY::" + "|:".join(values)
        for name, values in channel.arrays.items()
    }
    document = {
        "core-uuid": "c0c0c0c0-0000-4000-8000-000000000000",
        "channel_data": {"state": "CS_REPORTING", "direction": channel.direction},
        "variables": {name: _encode(value) if encodes else value for name, value in variables.items()},
        "app_log": {
            "applications": [
                {"app_name": name, "app_data": data, "app_stamp": str(at * 1000)}
                for name, data, at in channel.applications
            ]
        },
        "callflow": [_list_callflow(channel, profile) for profile in reversed(channel.profiles)],
    }
    return json.dumps(document)


def _list_callflow(channel: FsChannel, profile: Profile) -> dict[str, object]:
    caller: dict[str, object] = dict(_list_profile(profile, _PROFILE_KEYS))
    if profile.originator:
        caller["originator"] = {"originator_caller_profiles": [_list_profile(profile.originator, _PROFILE_KEYS)]}
    if profile.originatees:
        callees = [_list_profile(one, _PROFILE_KEYS) for one in profile.originatees]
        caller["originatee"] = {"originatee_caller_profiles": callees}
    return {"dialplan": "XML", "caller_profile": caller, "times": _list_profile_times(channel, profile)}


def _list_profile(profile: Profile, keys: dict[str, str]) -> dict[str, str]:
    return {key: str(getattr(profile, name)) for key, name in keys.items()}


def _list_profile_times(channel: FsChannel, profile: Profile) -> dict[str, str]:
    times = {key: str(getattr(profile, name) * 1000) for key, name in _TIME_KEYS.items()}
    return {"created_time": str(channel.created * 1000), **times}


def format_xml(channel: FsChannel) -> str:
    """Return the document of mod_xml_cdr, whose variables are always URL-encoded."""
    variables = {**channel.variables, **list_times(channel)}
    pairs = [*variables.items(), *((name, value) for name, values in channel.arrays.items() for value in values)]
    applications = "".join(
        f'<application app_name="{name}" app_data="{_encode(data)}" app_stamp="{at * 1000}"></application>'
        for name, data, at in channel.applications
    )
    callflow = "".join(_format_callflow(channel, profile) for profile in reversed(channel.profiles))
    return (
        '<?xml version="1.0"?>\n<cdr core-uuid="c0c0c0c0-0000-4000-8000-000000000000">'
        f"<channel_data><state>CS_REPORTING</state><direction>{channel.direction}</direction></channel_data>"
        f"<variables>{_format_elements((name, _encode(value)) for name, value in pairs)}</variables>"
        f"<app_log>{applications}</app_log>{callflow}</cdr>\n"
    )


def _format_callflow(channel: FsChannel, profile: Profile) -> str:
    others = ""
    if profile.originator:
        others += f"<originator>{_format_profile('originator_caller_profile', profile.originator)}</originator>"
    if profile.originatees:
        callees = "".join(_format_profile("originatee_caller_profile", one) for one in profile.originatees)
        others += f"<originatee>{callees}</originatee>"
    times = _format_elements(_list_profile_times(channel, profile).items())
    caller = _format_profile("caller_profile", profile, others)
    return f'<callflow dialplan="XML">{caller}<times>{times}</times></callflow>'


def _format_profile(tag: str, profile: Profile, others: str = "") -> str:
    elements = _format_elements(_list_profile(profile, _PROFILE_KEYS | _CALLEE_KEYS).items())
    return f"<{tag}>{elements}{others}</{tag}>"


def _format_elements(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs)


def format_csv_line(channel: FsChannel, columns: str, zone: str) -> str:
    """Return the line of mod_cdr_csv: quotes within values are not doubled."""
    profile = channel.profile
    values = {
        **channel.variables,
        **list_times(channel),
        **_list_stamps(channel, ZoneInfo(zone)),
        "caller_id_name": profile.caller_name,
        "caller_id_number": profile.caller_number,
        "destination_number": profile.destination,
        "context": profile.context,
        "bleg_uuid": "" if channel.is_b_leg else channel.variables.get("bridge_uuid", ""),
        "read_codec": "PCMA",
        "write_codec": "PCMA",
    }
    return ",".join(f'"{values.get(column, "")}"' for column in columns.split(",")) + "\n"


def list_times(channel: FsChannel) -> dict[str, str]:
    """Return the variables of times that every CDR has."""
    profile = channel.profile
    instants = {
        "start": channel.created,
        "profile_start": profile.created,
        "answer": channel.answered,
        "bridge": profile.bridged,
        "end": channel.ended,
    }
    times = {f"{name}_epoch": str(at // 1000) for name, at in instants.items()}
    times |= {f"{name}_uepoch": str(at * 1000) for name, at in instants.items()}
    billed = channel.ended // 1000 - channel.answered // 1000 if channel.answered else 0
    return times | {"duration": str(channel.ended // 1000 - channel.created // 1000), "billsec": str(billed)}


def _list_stamps(channel: FsChannel, zone: ZoneInfo) -> dict[str, str]:
    instants = {"start": channel.created, "answer": channel.answered, "end": channel.ended}
    return {
        f"{name}_stamp": f"{datetime.fromtimestamp(at // 1000, zone):%Y-%m-%d %H:%M:%S}" if at else ""
        for name, at in instants.items()
    }


def _encode(value: str) -> str:
    """Encode a value as switch_url_encode does."""
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", value)

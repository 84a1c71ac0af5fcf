"""Parse documents of mod_json_cdr and mod_xml_cdr, each of one channel, into channel variables.

The size of a document is limited. An XML document with a DOCTYPE is rejected, so no entity is ever expanded.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree

from ccfs.switches.freeswitch.callflow import (
    QUEUE_ENTRIES,
    CallerProfile,
    describe_callflow,
    describe_queue_entries,
)
from ccfs.switches.freeswitch.formats.xml_repair import MAX_REPAIR_LENGTH, describe_repair, repair_xml
from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, PATH_SEPARATOR
from ccfs.switches.freeswitch.variables import (
    ChannelVariables,
    clean_text,
    clean_values,
    collect_texts,
    decode_variables,
)
from ccfs.switches.records import UnreadableLine

MAX_ELEMENTS: Final = 1000  # values of variables that have several
MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024  # bytes of one document; a long call with many variables has some 100 KB

XML_REPAIR = "xml_repair"  # our own name: what was dropped from a document that was not well-formed, else ""

_TIME_FIELDS = {"start_uepoch": "created_time", "answer_uepoch": "answered_time", "end_uepoch": "hangup_time"}
_ATTRIBUTES = "@attributes"  # of an element of XML that FusionPBX stored as JSON, as PHP's json_encode writes it
_RECORDING_APPLICATIONS = ("record", "record_session")
_ARRAY_VARIABLES = ("originated_legs", "transfer_history")  # with several values, which XML writes as several elements


def parse_json(document: bytes) -> Any:
    """Return the value of a JSON text. Of a repeated name, the first counts, except "callflow": old versions of FreeSWITCH
    repeat it for each profile of a channel, the latest profile first, and newer ones write a list.

    Raise UnreadableLine.
    """
    try:
        return json.loads(_decode_bounded(document), object_pairs_hook=_collect_pairs)
    except (ValueError, RecursionError) as error:
        raise UnreadableLine(f"is not JSON: {error}") from None


def _collect_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(reversed(pairs))
    callflows = [value for name, value in pairs if name == "callflow"]
    return table | {"callflow": callflows} if len(callflows) > 1 else table


def extract_json_variables(cdr: object) -> ChannelVariables:
    """Return the variables of one parsed object: of mod_json_cdr, or XML of mod_xml_cdr that was stored as JSON.

    Raise UnreadableLine if it is neither.
    """
    if not isinstance(cdr, Mapping) or not ("variables" in cdr or "callflow" in cdr):
        raise UnreadableLine("is not a JSON CDR of FreeSWITCH")
    callflow = cdr.get("callflow")
    callflows = callflow if isinstance(callflow, list) else [callflow]
    return _combine_variables(
        variables=collect_texts(cdr.get("variables")),
        profiles=[
            _read_json_profile(flow, was_xml=_ATTRIBUTES in cdr) for flow in callflows if isinstance(flow, Mapping)
        ],
        direction=collect_texts(cdr.get("channel_data")).get("direction", ""),
        applications=_list_applications(cdr),
    )


def _read_json_profile(flow: object, *, was_xml: bool) -> CallerProfile:
    profile = _get_nested(flow, "caller_profile")

    def read_texts(value: object) -> dict[str, str]:
        texts = collect_texts(value)
        return clean_values(decode_variables(texts) if was_xml else texts)

    def read_first(side: str) -> dict[str, str]:
        profiles = _get_nested(profile, side, f"{side}_caller_profile" + ("" if was_xml else "s"))
        return read_texts(next(iter(_list_values(profiles)), None))

    return CallerProfile(
        caller=read_texts(profile),
        times=collect_texts(_get_nested(flow, "times")),
        originator=read_first("originator"),
        originatee=read_first("originatee"),
    )


def _list_applications(cdr: Mapping[Any, Any]) -> list[dict[str, str]]:
    """Return the applications that a channel ran, with their arguments."""
    if _ATTRIBUTES not in cdr:
        applications = _get_nested(cdr, "app_log", "applications")
        return [collect_texts(app) for app in (applications if isinstance(applications, list) else [])]
    elements = _list_values(_get_nested(cdr, "app_log", "application"))
    return [decode_variables(collect_texts(_get_nested(element, _ATTRIBUTES))) for element in elements]


def _list_values(value: object) -> list[object]:
    """Return the elements of one name: a list, a single value as it is, or none."""
    return value if isinstance(value, list) else [] if value is None else [value]


def parse_xml_variables(document: bytes) -> ChannelVariables:
    """Return the variables of one document of mod_xml_cdr. Raise UnreadableLine if it is not such a document."""
    text = _decode_bounded(document)
    if "<!DOCTYPE" in text:
        raise UnreadableLine("has a DOCTYPE, which no CDR of FreeSWITCH has")
    cdr, repair = _parse_xml_text(text)
    if cdr.tag != "cdr":
        raise UnreadableLine(f"is not an XML CDR of FreeSWITCH: it begins with <{cdr.tag[:40]}>")
    variables = cdr.find("variables")
    elements = [(name, each.text or "") for name in _ARRAY_VARIABLES for each in cdr.iterfind(f"variables/{name}")]
    combined = _combine_variables(
        variables=_get_child_texts(variables),
        elements=elements[:MAX_ELEMENTS],
        profiles=[_read_xml_profile(flow) for flow in cdr.iterfind("callflow")],
        direction=cdr.findtext("channel_data/direction", ""),
        applications=[decode_variables(dict(app.attrib)) for app in cdr.iterfind("app_log/application")],
    )
    return {**combined, XML_REPAIR: repair}


def _read_xml_profile(flow: ElementTree.Element) -> CallerProfile:
    profile = flow.find("caller_profile")
    sides = [None if profile is None else profile.find(side) for side in ("originator", "originatee")]
    originator, originatee = (
        {}
        if side is None
        else _read_xml_party(next((each for each in side.iter() if each.find("uuid") is not None), None))
        for side in sides
    )
    return CallerProfile(
        caller=_read_xml_party(profile),
        times=_get_child_texts(flow.find("times")),
        originator=originator,
        originatee=originatee,
    )


def _read_xml_party(profile: ElementTree.Element | None) -> dict[str, str]:
    return clean_values(decode_variables(_get_child_texts(profile)))


def _parse_xml_text(text: str) -> tuple[ElementTree.Element, str]:
    """Return the document, and what had to be dropped or escaped to parse it, else "". Raise UnreadableLine."""
    try:
        return ElementTree.fromstring(text), ""
    except (ElementTree.ParseError, ValueError) as error:
        reason = f"is not XML: {error}"
    if len(text) > MAX_REPAIR_LENGTH:
        raise UnreadableLine(reason)
    repaired = repair_xml(text)
    if not repaired.dropped and not repaired.escaped:
        raise UnreadableLine(reason)
    try:
        return ElementTree.fromstring(repaired.text), describe_repair(repaired)
    except (ElementTree.ParseError, ValueError):
        raise UnreadableLine(reason) from None


def _combine_variables(
    *,
    variables: Mapping[str, str],
    profiles: Sequence[CallerProfile],
    direction: str,
    applications: Sequence[Mapping[str, str]],
    elements: Sequence[tuple[str, str]] = (),
) -> ChannelVariables:
    """Return the variables. The caller profiles overrule their numbers; the latest one's times fill missing ones.

    `profiles` are the latest first; `elements` the values of variables that have several, each with its name.
    """
    numbered = {f"{name} {number}": text for number, (name, text) in enumerate(elements)}  # no variable has a blank
    own = clean_values(decode_variables({**variables, **numbered}))
    own |= _join_arrays([(name, own.pop(f"{name} {number}")) for number, (name, _) in enumerate(elements)])
    latest = profiles[0] if profiles else CallerProfile(caller={})
    callflow = describe_callflow(profiles, own.get("transfer_history", ""))
    originator = callflow.pop("originator", "")
    recorded = (
        clean_text(app.get("app_data", "")) for app in applications if app.get("app_name") in _RECORDING_APPLICATIONS
    )
    fallback = {
        "uuid": latest.caller.get("uuid", ""),
        "channel_name": latest.caller.get("chan_name", ""),
        "direction": clean_text(direction),
        "originator": originator,
    }
    if not _has_times(own):
        fallback |= {name: clean_text(latest.times.get(time, "")) for name, time in _TIME_FIELDS.items()}
    return {
        **fallback,
        **own,
        **callflow,
        APP_LOG_RECORD: PATH_SEPARATOR.join(recorded),
        QUEUE_ENTRIES: describe_queue_entries(applications),
    }


def _join_arrays(elements: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the variables that have several values as JSON has them."""
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in elements:
        values[name].append(value)
    return {name: "ARRAY::" + "|:".join(some) for name, some in values.items() if len(some) > 1}


def _has_times(variables: Mapping[str, str]) -> bool:
    return any(variables.get(name) for name in ("start_epoch", "start_uepoch", "start_stamp"))


def _decode_bounded(document: bytes) -> str:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise UnreadableLine(f"is larger than {MAX_DOCUMENT_BYTES} bytes")
    return document.decode("utf-8", "replace").removeprefix("\ufeff")


def _get_nested(value: object, *names: str) -> object:
    """Return a nested value, or None if a table on the way is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _get_child_texts(element: ElementTree.Element | None) -> dict[str, str]:
    """Return the texts of an element's children by tag; the first of a name counts."""
    return {child.tag: child.text or "" for child in reversed(element if element is not None else [])}

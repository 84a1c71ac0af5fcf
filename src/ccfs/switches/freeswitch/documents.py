"""Parse documents of mod_json_cdr and mod_xml_cdr, each of one channel, into channel variables.

The size of a document is limited. An XML document with a DOCTYPE is rejected, so no entity is ever expanded.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, PATH_SEPARATOR
from ccfs.switches.freeswitch.variables import (
    ChannelVariables,
    clean_text,
    clean_values,
    collect_texts,
    decode_variables,
)
from ccfs.switches.freeswitch.xml_repair import describe_repair, repair_xml
from ccfs.switches.records import UnreadableLine

MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024  # bytes of one document; a long call with many variables has some 100 KB

XML_REPAIR = "xml_repair"  # our own name: what was dropped from a document that was not well-formed, else ""

_TIME_FIELDS = {"start_uepoch": "created_time", "answer_uepoch": "answered_time", "end_uepoch": "hangup_time"}
_PROFILE_FIELDS = ("caller_id_name", "caller_id_number", "destination_number", "context")
_ATTRIBUTES = "@attributes"  # of an element of XML that FusionPBX stored as JSON, as PHP's json_encode writes it
_RECORDING_APPLICATIONS = ("record", "record_session")


def parse_json(document: bytes) -> Any:
    """Return the value of a JSON text. Of a repeated name, the first counts: old versions of FreeSWITCH repeat
    "callflow" for each profile of a channel, the latest profile first.

    Raise UnreadableLine.
    """
    try:
        return json.loads(_decode_bounded(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    except (ValueError, RecursionError) as error:
        raise UnreadableLine(f"is not JSON: {error}") from None


def extract_json_variables(cdr: object) -> ChannelVariables:
    """Return the variables of one parsed object: of mod_json_cdr, or XML of mod_xml_cdr that was stored as JSON.

    Raise UnreadableLine if it is neither.
    """
    if not isinstance(cdr, Mapping) or not ("variables" in cdr or "callflow" in cdr):
        raise UnreadableLine("is not a JSON CDR of FreeSWITCH")
    callflow = cdr.get("callflow")
    latest = callflow[0] if isinstance(callflow, list) and callflow else callflow
    profile = _get_nested(latest, "caller_profile")
    was_xml = _ATTRIBUTES in cdr
    originators = _get_nested(profile, "originator", "originator_caller_profile" + ("" if was_xml else "s"))
    texts = collect_texts(profile)
    return _combine_variables(
        variables=collect_texts(cdr.get("variables")),
        profile=decode_variables(texts) if was_xml else texts,
        times=collect_texts(_get_nested(latest, "times")),
        originator=collect_texts(next(iter(_list_values(originators)), None)),
        direction=collect_texts(cdr.get("channel_data")).get("direction", ""),
        applications=_list_applications(cdr),
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
    """Return the variables of one document of mod_xml_cdr. Raise UnreadableLine if it is none."""
    text = _decode_bounded(document)
    if "<!DOCTYPE" in text:
        raise UnreadableLine("has a DOCTYPE, which no CDR of FreeSWITCH has")
    cdr, repair = _parse_xml_text(text)
    if cdr.tag != "cdr":
        raise UnreadableLine(f"is not an XML CDR of FreeSWITCH: it begins with <{cdr.tag[:40]}>")
    profile = cdr.find("callflow/caller_profile")
    originator = profile.find("originator") if profile is not None else None
    originator_uuid = next(originator.iter("uuid"), None) if originator is not None else None
    combined = _combine_variables(
        variables=_get_child_texts(cdr.find("variables")),
        profile=decode_variables(_get_child_texts(profile)),
        times=_get_child_texts(cdr.find("callflow/times")),
        originator={} if originator_uuid is None else {"uuid": originator_uuid.text or ""},
        direction=cdr.findtext("channel_data/direction", ""),
        applications=[decode_variables(dict(app.attrib)) for app in cdr.iterfind("app_log/application")],
    )
    return {**combined, XML_REPAIR: repair}


def _parse_xml_text(text: str) -> tuple[ElementTree.Element, str]:
    """Return the document, and what had to be dropped or escaped to parse it, else "". Raise UnreadableLine."""
    try:
        return ElementTree.fromstring(text), ""
    except (ElementTree.ParseError, ValueError) as error:
        reason = f"is not XML: {error}"
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
    profile: Mapping[str, str],
    times: Mapping[str, str],
    originator: Mapping[str, str],
    direction: str,
    applications: Iterable[Mapping[str, str]],
) -> ChannelVariables:
    """Return the variables. The latest caller profile overrules their numbers; its times fill missing ones.

    mod_cdr_csv takes caller and destination from that profile, so all formats agree.
    """
    own, known = clean_values(decode_variables(variables)), clean_values(profile)
    numbers = {name: known[name] for name in _PROFILE_FIELDS if known.get(name)}
    recorded = (
        clean_text(app.get("app_data", "")) for app in applications if app.get("app_name") in _RECORDING_APPLICATIONS
    )
    fallback = {
        "uuid": known.get("uuid", ""),
        "channel_name": known.get("chan_name", ""),
        "direction": clean_text(direction),
        "originator": clean_text(originator.get("uuid", "")),
    }
    if not _has_times(own):
        fallback |= {name: clean_text(times.get(time, "")) for name, time in _TIME_FIELDS.items()}
    return {**fallback, **own, **numbers, APP_LOG_RECORD: PATH_SEPARATOR.join(recorded)}


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

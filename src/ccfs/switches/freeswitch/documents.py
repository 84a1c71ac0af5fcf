"""Documents of mod_json_cdr and mod_xml_cdr: one channel each, as facts. Both say the same things in two notations.

A document is bounded in size; an XML document with a DOCTYPE is refused, so no entity is ever expanded.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from ccfs.switches.found import UnreadableLine
from ccfs.switches.freeswitch.facts import Facts, clean, clean_text, decoded, texts
from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, BETWEEN

LARGEST: Final = 8 * 1024 * 1024  # bytes of one document; a long call with many variables has some 100 KB

_TIMES = {"start_uepoch": "created_time", "answer_uepoch": "answered_time", "end_uepoch": "hangup_time"}
_NUMBERS = ("caller_id_name", "caller_id_number", "destination_number", "context")
_RECORDERS = ("record", "record_session")


def parsed_json(document: bytes) -> Any:
    """The value of a JSON text. Of a name that comes twice, the first counts: old versions of FreeSWITCH repeat
    "callflow" for each profile of a channel, the latest profile first.

    Raises UnreadableLine.
    """
    try:
        return json.loads(_bounded(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    except (ValueError, RecursionError) as why:
        raise UnreadableLine(f"is not JSON: {why}") from None


def json_facts(cdr: object) -> Facts:
    """The facts of one parsed object of mod_json_cdr; UnreadableLine if it is none."""
    if not isinstance(cdr, Mapping) or not ("variables" in cdr or "callflow" in cdr):
        raise UnreadableLine("is not a JSON CDR of FreeSWITCH")
    callflow = cdr.get("callflow")
    latest = callflow[0] if isinstance(callflow, list) and callflow else callflow
    profile = _within(latest, "caller_profile")
    originators = _within(profile, "originator", "originator_caller_profiles")
    applications = _within(cdr, "app_log", "applications")
    return _facts(
        variables=texts(cdr.get("variables")),
        profile=texts(profile),
        times=texts(_within(latest, "times")),
        originator=texts(originators[0] if isinstance(originators, list) and originators else None),
        direction=texts(cdr.get("channel_data")).get("direction", ""),
        applications=[texts(app) for app in (applications if isinstance(applications, list) else [])],
    )


def xml_facts(document: bytes) -> Facts:
    """The facts of one document of mod_xml_cdr; UnreadableLine if it is none."""
    text = _bounded(document)
    if "<!DOCTYPE" in text:
        raise UnreadableLine("has a DOCTYPE, which no CDR of FreeSWITCH has")
    try:
        cdr = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as why:
        raise UnreadableLine(f"is not XML: {why}") from None
    if cdr.tag != "cdr":
        raise UnreadableLine(f"is not an XML CDR of FreeSWITCH: it begins with <{cdr.tag[:40]}>")
    profile = cdr.find("callflow/caller_profile")
    originator = profile.find("originator") if profile is not None else None
    named = next(originator.iter("uuid"), None) if originator is not None else None
    return _facts(
        variables=_children(cdr.find("variables")),
        profile=decoded(_children(profile)),
        times=_children(cdr.find("callflow/times")),
        originator={} if named is None else {"uuid": named.text or ""},
        direction=cdr.findtext("channel_data/direction", ""),
        applications=[decoded(dict(app.attrib)) for app in cdr.iterfind("app_log/application")],
    )


def _facts(
    *,
    variables: Mapping[str, str],
    profile: Mapping[str, str],
    times: Mapping[str, str],
    originator: Mapping[str, str],
    direction: str,
    applications: Iterable[Mapping[str, str]],
) -> Facts:
    """The variables, under what the latest caller profile says of numbers and above what its times say.

    The profile is where mod_cdr_csv takes caller and destination from: so all formats tell the same.
    """
    told, known = clean(decoded(variables)), clean(profile)
    numbers = {name: known[name] for name in _NUMBERS if known.get(name)}
    recorded = (clean_text(app.get("app_data", "")) for app in applications if app.get("app_name") in _RECORDERS)
    fallback = {
        "uuid": known.get("uuid", ""),
        "channel_name": known.get("chan_name", ""),
        "direction": clean_text(direction),
        "originator": clean_text(originator.get("uuid", "")),
    }
    if not _has_times(told):
        fallback |= {name: clean_text(times.get(time, "")) for name, time in _TIMES.items()}
    return {**fallback, **told, **numbers, APP_LOG_RECORD: BETWEEN.join(recorded)}


def _has_times(variables: Mapping[str, str]) -> bool:
    return any(variables.get(name) for name in ("start_epoch", "start_uepoch", "start_stamp"))


def _bounded(document: bytes) -> str:
    if len(document) > LARGEST:
        raise UnreadableLine(f"is larger than {LARGEST} bytes")
    return document.decode("utf-8", "replace").removeprefix("\ufeff")


def _within(value: object, *names: str) -> object:
    """A value some tables down, None where one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _children(element: ElementTree.Element | None) -> dict[str, str]:
    """Tag to text of an element's children; the first of a name counts."""
    return {child.tag: child.text or "" for child in reversed(element if element is not None else [])}

"""The text of a check's report, for an administrator of a PBX."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ccfs.cli.ingest.check_commands import list_commands
from ccfs.db.tenant.ingest.ingest_overview import CallsOfName
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.check.report.types import (
    Advice,
    CheckReport,
    FileReading,
    RecordingsFound,
    RejectionGroup,
    SwitchReport,
    UnreadableFile,
)
from ccfs.ingest.check.report.words import count_things, list_names
from ccfs.ingest.recordings.match import NO_CDR, SEVERAL_CALLS
from ccfs.media.convert import NO_AUDIO
from ccfs.model.calls.call import Direction

_WIDTH = 110
_UNITS = re.compile(r"([0-9]) (s|min|h|MB|GB|kB)\b")
_MAX_LISTED = 10  # files, queues, agents
_NAMES = {
    SwitchKind.ASTERISK: "Asterisk (also FreePBX, Issabel, VICIdial, MikoPBX)",
    SwitchKind.FREESWITCH: "FreeSWITCH (also FusionPBX)",
    SwitchKind.CCFS: "Index files of CC-FS",
}
_EXPLANATIONS = {
    NO_AUDIO: "no audio: the switch leaves such an empty file of a call that nobody answered. Nothing is lost",
    NO_CDR: "no call belongs to it: no CDR names it, and no id of a call is in its name. Every later run tries again",
    SEVERAL_CALLS: "several calls may belong to it: it is stored for none",
}
_FORMATS = {"ogg": "Ogg", "opus": "Opus", "webm": "WebM"}


def format_report(report: CheckReport, given: Mapping[str, str]) -> list[str]:
    """Return the lines of the report; `given` are the options of the check that ingest needs, too."""
    checked = [*report.paths, *report.tables]
    lines = [f"Checked {', '.join(map(str, checked))}. Nothing was changed or stored."]
    lines += ["", "FOUND", *_format_found(report)]
    for switch in report.switches:
        lines += _format_switch(switch)
    advice = [*report.advice, *(point for switch in report.switches for point in switch.advice)]
    if advice:
        lines += ["", "PLEASE NOTE", *(line for point in advice for line in _format_advice(point))]
    if report.has_calls:
        lines += ["", "TO INGEST THESE CALLS", *(f"  {line}" for line in list_commands(report, given))]
        lines += ["", *_wrap(_NEXT_STEPS, "")]
    else:
        lines += ["", "Nothing here can be ingested."]
    return lines


_NEXT_STEPS = (
    "Repeat the last command to ingest what is new, or add --watch to go on as the files grow. "
    "Add --data DIR, or set CCFS_DATA, to say where ccfs stores its data."
)


def _format_found(report: CheckReport) -> Iterator[str]:
    for switch in report.switches:
        yield f"  {_NAMES[switch.kind]}"
        for reading in switch.readings:
            yield from _wrap(_describe_reading(reading), "    ")
    for reason, paths in _group_paths(report.unused):
        yield from _wrap(f"Not needed: {paths}: {reason}", "    ")
    if report.unused_cels:
        paths = list_names([str(path) for path in report.unused_cels], _MAX_LISTED)
        yield from _wrap(f"Channel events (CEL), not read: {paths}", "    ")
    if report.recordings.count:
        yield from _wrap(f"Recordings: {_describe_recordings(report.recordings)}", "  ")
    reasons = _group_paths((file.path, _describe_reason(file)) for file in report.unreadable)
    for reason, paths in reasons[:_MAX_LISTED]:
        yield from _wrap(f"Cannot be read: {paths}: {reason}", "  ")
    if len(reasons) > _MAX_LISTED:
        yield f"  and more files that cannot be read, for {len(reasons) - _MAX_LISTED} other reasons"
    if report.other_count:
        yield f"  Other files, without calls: {report.other_count}"
    if not report.switches and not report.recordings.count and not report.unreadable and not report.other_count:
        yield "  No files"


def _group_paths(reasons: Iterable[tuple[Path | CheckedTable, str]]) -> list[tuple[str, str]]:
    """Return each reason with the files it applies to, the first ones by name."""
    groups: dict[str, list[str]] = {}
    for path, reason in reasons:
        groups.setdefault(reason, []).append(str(path))
    return [(reason, list_names(paths, _MAX_LISTED)) for reason, paths in groups.items()]


def _describe_reason(file: UnreadableFile) -> str:
    return f"{file.reason}. {file.remedy.rstrip('.')}." if file.remedy else file.reason


def _describe_reading(reading: FileReading) -> str:
    role = "CDRs" if reading.role == "CDR" else f"{reading.role[:1].upper()}{reading.role[1:]}"
    parts = [reading.form, count_things(reading.lines, "file" if reading.is_folder else "line")]
    if reading.rotated:
        packed = f", {reading.compressed} compressed" if reading.compressed else ""
        parts.append(f"with {count_things(reading.rotated, 'rotated file')}{packed}")
    elif reading.compressed:
        parts.append("compressed")
    return f"{role}: {reading.path} ({'; '.join(filter(None, parts))})"


def _describe_recordings(recordings: RecordingsFound) -> str:
    kinds = [
        f"{number:,} {_FORMATS.get(name, name.upper() or 'without extension')}"
        for name, number in list(recordings.by_extension.items())[:_MAX_LISTED]
    ]
    return f"{count_things(recordings.count, 'file')} ({', '.join(kinds)}), {_format_size(recordings.bytes)}"


def _format_size(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _format_switch(switch: SwitchReport) -> Iterator[str]:
    yield from ("", f"HOW IT WAS READ ({_NAMES[switch.kind].partition(' (')[0]})")
    yield from _format_readings(switch.readings)
    totals = switch.totals
    if not totals.calls:
        yield "  No call could be read."
    else:
        yield from _wrap(_describe_calls(switch), "  ")
        yield from _wrap(_describe_names("Queues", switch.queues), "  ")
        yield from _wrap(_describe_names("Agents", switch.agents), "  ")
        if switch.agent_operations:
            yield f"  Agent operations (sign-in, pause, talking, …): {switch.agent_operations:,}"
        yield from ("", f"{len(switch.samples)} OF THE CALLS" if totals.calls > len(switch.samples) else "THE CALLS")
        for sample in switch.samples:
            yield from _wrap(f"{sample.begin:%Y-%m-%d %H:%M:%S}  {sample.text}", "  ", "      ")
    yield from _format_rejections("WOULD BE REJECTED", switch.rejections, is_lines=True)
    yield from _format_rejections("RECORDINGS THAT WOULD NOT BE STORED", switch.unmatched, is_lines=False)
    if switch.absent.count:
        yield from ("", f"RECORDINGS THAT THE CDRS NAME AND THAT ARE NOT THERE: {switch.absent.count:,}")
        for path, call_id in switch.absent.examples:
            yield f"  {path} of call {call_id}"
        if switch.absent.count > len(switch.absent.examples):
            yield f"  and {switch.absent.count - len(switch.absent.examples):,} more"


def _format_readings(readings: Sequence[FileReading]) -> Iterator[str]:
    """Describe columns, zone and encoding of each file that has any; equal columns once."""
    known: tuple[str, ...] = ()
    has_several = sum(reading.role == "CDR" for reading in readings) > 1
    for reading in readings:
        details = list(_describe_details(reading, known))
        if details and has_several:
            yield f"  {reading.path}"
        for name, text in details:
            yield from _wrap(f"{name}: {text}", "    " if has_several else "  ")
        known = reading.columns or known


def _describe_details(reading: FileReading, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if reading.columns:
        names = "as above" if reading.columns == known else ", ".join(filter(None, reading.columns))
        yield "Columns", names + (f" ({reading.dialect})" if reading.dialect else "")
    if reading.zone:
        yield "Time zone", f"{reading.zone} ({reading.zone_evidence})"
    elif reading.zone_evidence:
        yield "Time zone", reading.zone_evidence
    if reading.encoding:
        yield "Encoding", f"UTF-8, and {reading.encoding} for some names"


def _describe_calls(switch: SwitchReport) -> str:
    totals = switch.totals
    directions = {Direction.INBOUND: "inbound", Direction.OUTBOUND: "outbound", Direction.INTERNAL: "internal"}
    parts = [f"{number:,} {directions[name]}" for name, number in totals.by_direction.items() if number]
    days = [f"{time:%Y-%m-%d}" for time in (totals.first, totals.last) if time]
    return (
        f"Calls: {totals.calls:,} ({', '.join(parts)}), {' to '.join(dict.fromkeys(days))}. Answered: {totals.answered:,}. "
        f"With a recording: {totals.recorded:,}; answered without one: {totals.answered_without_recording:,}"
    )


def _describe_names(title: str, names: Sequence[CallsOfName]) -> str:
    listed = [
        f"{name.name} ({count_things(name.calls, 'call')}, {name.answered:,} answered)" for name in names[:_MAX_LISTED]
    ]
    more = " and more" if len(names) > _MAX_LISTED else ""
    return f"{title}: {', '.join(listed) or 'none'}{more}"


def _format_rejections(title: str, rejections: Sequence[RejectionGroup], *, is_lines: bool) -> Iterator[str]:
    if not rejections:
        return
    yield from ("", f"{title}: {sum(group.count for group in rejections):,}")
    for group in rejections[:_MAX_LISTED]:
        yield from _wrap(f"{group.count:,} × {_EXPLANATIONS.get(group.reason, group.reason)}", "  ")
        for file, line, raw in group.examples:
            yield f"      {file}:{line}: {raw}" if line and raw else f"      {file}:{line}" if line else f"      {file}"
    if len(rejections) > _MAX_LISTED:
        yield f"  and {len(rejections) - _MAX_LISTED} more reasons"


def _format_advice(advice: Advice) -> Iterable[str]:
    yield from _wrap(f"- {advice.text}", "  ", "    ")
    if advice.remedy:
        yield from _wrap(advice.remedy, "    ", "    ")
    yield from (f"        {line}" for line in advice.lines)


def _wrap(text: str, indent: str, hanging: str | None = None) -> list[str]:
    """Wrap a text. A number stays with its unit."""
    lines = textwrap.wrap(
        _UNITS.sub("\\1\xa0\\2", text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    " if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\xa0", " ") for line in lines]

"""The text of a check's report, for an administrator of a PBX."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ccfs.cli.check_commands import list_commands
from ccfs.db.tenant.ingest_overview import CallsOfName
from ccfs.ingest.check.report import (
    Advice,
    CheckReport,
    FileReading,
    RecordingsFound,
    Refusals,
    SwitchReport,
)
from ccfs.ingest.check.switch_run import SwitchKind
from ccfs.model.calls.call import Direction

_WIDTH = 110
_MAX_LISTED = 10  # files, queues, agents
_NAMES = {
    SwitchKind.ASTERISK: "Asterisk (also FreePBX, Issabel, VICIdial, MikoPBX)",
    SwitchKind.FREESWITCH: "FreeSWITCH (also FusionPBX)",
    SwitchKind.CCFS: "Index files of CC-FS",
}
_FORMATS = {"wav": "WAV", "wav49": "WAV49", "mp3": "MP3", "gsm": "GSM", "ogg": "Ogg", "webm": "WebM"}


def format_report(report: CheckReport, given: Mapping[str, str]) -> list[str]:
    """Return the lines of the report; `given` are the options of the check that ingest needs, too."""
    lines = [f"Checked {', '.join(map(str, report.paths))}. Nothing was changed or stored."]
    lines += ["", "FOUND", *_format_found(report)]
    for switch in report.switches:
        lines += _format_switch(switch)
    advice = [*report.advice, *(one for switch in report.switches for one in switch.advice)]
    if advice:
        lines += ["", "PLEASE NOTE", *(line for one in advice for line in _format_advice(one))]
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
    for path, reason in report.unused:
        yield from _wrap(f"Not needed: {path}: {reason}", "    ")
    for path in report.cel[:_MAX_LISTED]:
        yield from _wrap(f"Channel events (CEL): {path}", "    ")
    if report.recordings.count:
        yield from _wrap(f"Recordings: {_describe_recordings(report.recordings)}", "  ")
    for file in report.unreadable[:_MAX_LISTED]:
        remedy = f" {file.remedy}." if file.remedy else ""
        yield from _wrap(f"Cannot be read: {file.path}: {file.reason}.{remedy}", "  ")
    if len(report.unreadable) > _MAX_LISTED:
        yield f"  and {len(report.unreadable) - _MAX_LISTED} more files that cannot be read"
    if report.other_count:
        yield f"  Other files, without calls: {report.other_count}"
    if not report.switches and not report.recordings.count and not report.unreadable and not report.other_count:
        yield "  No files"


def _describe_reading(reading: FileReading) -> str:
    role = {"CDR": "CDRs", "queue log": "Queue log"}.get(reading.role, reading.role.capitalize())
    unit = "files" if "XML" in reading.form or "JSON" in reading.form or reading.role == "index files" else "lines"
    parts = [reading.form, f"{reading.lines:,} {unit}" if reading.lines is not None else ""]
    if reading.rotated:
        packed = f", {reading.compressed} compressed" if reading.compressed else ""
        parts.append(f"with {reading.rotated} rotated {'file' if reading.rotated == 1 else 'files'}{packed}")
    elif reading.compressed:
        parts.append("compressed")
    return f"{role}: {reading.path} ({'; '.join(filter(None, parts))})"


def _describe_recordings(recordings: RecordingsFound) -> str:
    kinds = [
        f"{number:,} {_FORMATS.get(name, name or 'without extension')}"
        for name, number in list(recordings.by_extension.items())[:_MAX_LISTED]
    ]
    return f"{recordings.count:,} files ({', '.join(kinds)}), {_format_size(recordings.bytes)}"


def _format_size(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _format_switch(switch: SwitchReport) -> Iterator[str]:
    yield from ("", f"HOW IT WAS READ: {_NAMES[switch.kind]}")
    for reading in switch.readings:
        for name, text in _describe_details(reading):
            yield from _wrap(f"{name}: {text}", "  ")
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
    yield from _format_refusals("WOULD BE REFUSED", switch.refusals, is_lines=True)
    yield from _format_refusals("RECORDINGS THAT WOULD NOT BE STORED", switch.unmatched, is_lines=False)
    if switch.absent.count:
        yield from ("", f"RECORDINGS THAT THE CDRS NAME AND THAT ARE NOT THERE: {switch.absent.count:,}")
        for path, call_id in switch.absent.examples:
            yield f"  {path} of call {call_id}"
        if switch.absent.count > len(switch.absent.examples):
            yield f"  and {switch.absent.count - len(switch.absent.examples):,} more"


def _describe_details(reading: FileReading) -> Iterator[tuple[str, str]]:
    if reading.role == "CDR" and reading.columns:
        names = ", ".join(name for name in reading.columns if name)
        yield "Columns", names + (f" ({reading.dialect})" if reading.dialect else "")
    if reading.zone:
        yield "Time zone", f"{reading.zone} ({reading.zone_evidence})"
    elif reading.zone_evidence:
        yield "Time zone", reading.zone_evidence
    if reading.encoding:
        yield "Encoding", f"UTF-8, and {reading.encoding} for some names"


def _describe_calls(switch: SwitchReport) -> str:
    totals = switch.totals
    directions = {Direction.INBOUND: "in", Direction.OUTBOUND: "out", Direction.INTERNAL: "internal"}
    parts = [f"{number:,} {directions[name]}" for name, number in totals.by_direction.items() if number]
    times = f"{totals.first:%Y-%m-%d} to {totals.last:%Y-%m-%d}" if totals.first and totals.last else ""
    return (
        f"Calls: {totals.calls:,} ({', '.join(parts)}), {times}. Answered: {totals.answered:,}. "
        f"With a recording: {totals.recorded:,}; answered without one: {totals.answered_without_recording:,}"
    )


def _describe_names(title: str, names: Sequence[CallsOfName]) -> str:
    listed = [f"{one.name} ({one.calls:,} calls, {one.answered:,} answered)" for one in names[:_MAX_LISTED]]
    more = " and more" if len(names) > _MAX_LISTED else ""
    return f"{title}: {', '.join(listed) or 'none'}{more}"


def _format_refusals(title: str, refusals: Sequence[Refusals], *, is_lines: bool) -> Iterator[str]:
    if not refusals:
        return
    yield from ("", f"{title}: {sum(one.count for one in refusals):,}")
    for one in refusals[:_MAX_LISTED]:
        yield from _wrap(f"{one.count:,} × {one.reason}", "  ")
        for file, line, raw in one.examples:
            yield f"      {file}:{line}: {raw}" if line and raw else f"      {file}:{line}" if line else f"      {file}"
    if len(refusals) > _MAX_LISTED:
        yield f"  and {len(refusals) - _MAX_LISTED} more reasons"


def _format_advice(advice: Advice) -> Iterable[str]:
    yield from _wrap(f"- {advice.text}", "  ", "    ")
    if advice.remedy:
        yield from _wrap(advice.remedy, "    ")


def _wrap(text: str, indent: str, hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    " if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )

"""Advice for an operator: each point with its remedy."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers, member_names
from ccfs.ingest.check.recognition.survey import PERMISSION_REMEDY, Survey
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import DEFAULT_ROWS
from ccfs.ingest.check.report.types import Advice, CheckReport, FileReading, SwitchReport
from ccfs.ingest.check.report.words import count_things
from ccfs.ingest.check.runs.domains import PROPOSED_FILE, list_domains, propose_lines
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun
from ccfs.ingest.recordings.match import NO_CDR
from ccfs.media.codec_table import is_audio_name
from ccfs.model.calls.cdr import DeviceType

_MAX_NAMES = 5  # that a text lists
_MAX_RULES = 20  # of a draft of tenant rules
_DEFAULT_FOLDERS = "Asterisk: /var/log/asterisk; FreeSWITCH: /var/log/freeswitch"


def advise(report: CheckReport, survey: Survey, options: CheckOptions) -> list[Advice]:
    """Return advice on all files."""
    found = [Advice(text=text, remedy=PERMISSION_REMEDY) for text in survey.unreadable_folders]
    if not report.switches:
        found.append(_advise_on_absent_cdrs(report, survey))
    if options.max_lines:
        text = f"Only about the first {options.max_lines} lines of each file were read (--lines)"
        found.append(Advice(text=f"{text}: recordings of later calls count as recordings without a call."))
    for table in filter(None, (options.cdr_table, options.queue_table)):
        text = f"Of the table {table.table}, the newest {options.max_lines or DEFAULT_ROWS:,} rows were read at most."
        found.append(Advice(text=text, remedy="--lines N reads more or fewer. ccfs ingest reads all."))
    return found + _advise_on_channel_events(report)


def _advise_on_channel_events(report: CheckReport) -> list[Advice]:
    if not report.unused_cels or not report.switches:
        return []
    text = f"Channel events (CEL) that were not read: {_list_paths(report.unused_cels)}."
    remedy = "ccfs ingest asterisk reads one such file: name another one with --cel."
    return [Advice(text=text, remedy=remedy)]


def _advise_on_absent_cdrs(report: CheckReport, survey: Survey) -> Advice:
    if survey.empty_cdrs:
        text = f"There are no calls yet: {_list_paths(survey.empty_cdrs)} is empty."
        return Advice(text=text, remedy=_EMPTY_REMEDY)
    what = "recordings" if report.recordings.count else "a queue log" if report.queue_logs else "files"
    if what == "files" and not report.other_count and not report.unreadable:
        what = "no files"
    text = f"There are {what} here, but no call detail records (CDRs): without them, nothing can be ingested."
    if what == "no files":
        text = "There are no files here."
    return Advice(text=text, remedy=f"Name the folder of the CDRs. Usual folders: {_DEFAULT_FOLDERS}.")


_EMPTY_REMEDY = (
    "Make a test call. If the file stays empty, see `cdr show status` in Asterisk: cdr_csv writes only if /etc/asterisk/"
    "cdr.conf has a section [csv]."
)


def advise_on_switch(
    connection: Connection, report: SwitchReport, done: SwitchRun, survey: Survey, options: CheckOptions
) -> list[Advice]:
    """Return advice on the files of one switch."""
    found: list[Advice] = []
    if done.kind is SwitchKind.ASTERISK:
        found += [advice for reading in report.readings for advice in _advise_on_columns(reading)]
        found += _advise_on_queue_log(report)
    if done.kind is SwitchKind.FREESWITCH:
        found += _advise_on_legs(report)
        found += [] if options.tenants else _advise_on_domains(survey)
    found += [advice for reading in report.readings for advice in _advise_on_zone(reading, options)]
    found += [advice for reading in report.readings if (advice := _advise_on_encoding(reading, options))]
    if done.kind is not SwitchKind.CCFS:
        found += _advise_on_agents(connection, report, done)
    found += _advise_on_recordings(report, done, survey)
    return found + [Advice(text=warning) for warning in done.run.result.warnings if not _is_covered(warning)]


def _is_covered(warning: str) -> bool:
    """Return whether other advice contains the same remedy."""
    return "the times are assumed" in warning or ("not " in warning and "as given" in warning)


_ENABLE_IN_CSV = "In /etc/asterisk/cdr.conf, section [csv], set {option}, then: asterisk -rx 'module reload cdr_csv.so'"
_ENABLE_IN_CUSTOM = (
    "In the mapping of /etc/asterisk/cdr_custom.conf, add {variables}, then: asterisk -rx 'module reload cdr_custom.so'"
)
_EXPORT_COLUMNS = "Export these columns of the table, too: {names}."
_ADD_COLUMNS = "Add these columns to the table, and have Asterisk fill them (cdr_adaptive_odbc.conf): {names}."
_EFFECTS = {
    "uniqueid": "recordings cannot be found by their ids, the queue log cannot be joined, and nothing proves the time zone",
    "linkedid": "each channel becomes a call of its own: a queue call and the calls of its agents fall apart",
    "sequence": "lines of the same second may be in the wrong order",
}


def _advise_on_columns(reading: FileReading) -> list[Advice]:
    if reading.role != "CDR" or not reading.columns:
        return []
    lacking = list(reading.lacking)
    if not {"uniqueid", "linkedid"} & set(lacking):
        return []  # without a sequence, few lines are in the wrong order
    effects = "; ".join(f"without {name}, {_EFFECTS[name]}" for name in lacking)
    text = f"{reading.path.name} has no {' and no '.join(lacking)}: {effects}."
    return [Advice(text=text, remedy=_find_column_remedy(reading.form, lacking))]


def _find_column_remedy(form: str, lacking: Sequence[str]) -> str:
    if form.startswith("cdr_csv"):
        options = {"uniqueid": "loguniqueid=yes", "linkedid": "newcdrcolumns=yes", "sequence": "newcdrcolumns=yes"}
        return _ENABLE_IN_CSV.format(option=" and ".join(dict.fromkeys(options[name] for name in lacking)))
    if form.startswith("cdr_custom"):
        variables = ", ".join(f"${{CSV_QUOTE(${{CDR({name})}})}}" for name in lacking)
        return _ENABLE_IN_CUSTOM.format(variables=variables)
    names = ", ".join(lacking)
    return (_ADD_COLUMNS if form.startswith("table ") else _EXPORT_COLUMNS).format(names=names)


def _advise_on_queue_log(report: SwitchReport) -> list[Advice]:
    if report.queue_log is not None or not report.queues:
        return []
    text = (
        "There are queue calls, but no queue log: who answered, how long callers waited and what agents did "
        "(sign-in, pause) is known only as far as the CDRs show it."
    )
    remedy = (
        "Name the folder of the file queue_log, too (usually /var/log/asterisk). If there is none, set queue_log = yes, "
        "and with a database queue_log_to_file = yes, in section [general] of /etc/asterisk/logger.conf."
    )
    return [Advice(text=text, remedy=remedy)]


def _advise_on_legs(report: SwitchReport) -> list[Advice]:
    if not report.totals.answered or report.totals.rows != report.totals.calls:
        return []
    text = "Only the callers' channels are logged: who answered is taken from them, and phones that rang unanswered are missing."
    remedy = (
        'Log both legs: <param name="log-b-leg" value="true"/> in xml_cdr.conf.xml or json_cdr.conf.xml, or '
        '<param name="legs" value="ab"/> in cdr_csv.conf.xml, then reload the module in fs_cli.'
    )
    return [Advice(text=text, remedy=remedy)]


def _advise_on_domains(survey: Survey) -> list[Advice]:
    domains = list_domains(survey)
    if len(domains) < 2:
        return []
    text = f"The CDRs are of {len(domains)} domains: {', '.join(domains[:_MAX_NAMES])}. Each is shown as an account of its own."
    remedy = f"Write the accounts' names and VDNs into the file {PROPOSED_FILE}, which the commands below pass with --tenants:"
    return [Advice(text=text, remedy=remedy, lines=tuple(propose_lines(domains)[: _MAX_RULES + 1]))]


def _advise_on_zone(reading: FileReading, options: CheckOptions) -> list[Advice]:
    if not reading.zone:
        return []
    if reading.zone_evidence.startswith("assumed"):
        text = f"{reading.path}: nothing shows the time zone; {reading.zone} is assumed, as this machine has it."
        return [Advice(text=text, remedy="If that is wrong, all times are: pass the zone of the switch with --zone.")]
    if options.zone and reading.zone_evidence.startswith("as given") and " 0 of " in reading.zone_evidence:
        text = f"{reading.path.name}: the unique ids contradict the zone {options.zone} that was given."
        return [Advice(text=text, remedy="Leave --zone away, so that the zone is detected.")]
    return []


def _advise_on_encoding(reading: FileReading, options: CheckOptions) -> Advice | None:
    if not reading.encoding or options.read.encoding:
        return None
    text = f"{reading.path.name}: some names are not UTF-8, and would be shown as \\xe9 and the like."
    return Advice(text=text, remedy=f"Pass --encoding {reading.encoding}, if the names then look right.")


def _advise_on_agents(connection: Connection, report: SwitchReport, done: SwitchRun) -> list[Advice]:
    if not report.agents:
        text = "No agent was found: no channel has a number of 2 to 6 digits as its name."
        remedy = "Pass an expression for your extensions, e.g. --agents '1[0-9]{3}' or --agents '(\\d{3})-web'."
        return [Advice(text=text, remedy=remedy)] if report.totals.calls else []
    people: list[str] = []
    for owner in done.owners:
        known = device_numbers.list_names(connection, owner.app, [owner.account.account_id], int(DeviceType.AGENT))
        numbers = member_names.list_numbers(connection, owner.app, owner.account.account_id)
        people += sorted(name for name in known if not name.isdecimal() and name not in numbers)
    if done.kind is not SwitchKind.ASTERISK or not people:
        return []
    listed = ", ".join(people[:_MAX_NAMES]) + (" …" if len(people) > _MAX_NAMES else "")
    text = f"Agents without an extension: {listed}. No CDR shows which phone they used; they count under these names."
    return [Advice(text=text)]


def _advise_on_recordings(report: SwitchReport, done: SwitchRun, survey: Survey) -> list[Advice]:
    found = []
    if any(file.found.records_to_url for file in survey.files):
        text = "FreeSWITCH sends recordings to a web address (record_session http://…): their files are not on this machine."
        remedy = "Record into a folder, or give the check the folder in which the receiving server stores them."
        found.append(Advice(text=text, remedy=remedy))
    if not survey.recordings:
        return found or _advise_on_absent_folder(report)
    first, last = report.totals.first, report.totals.last
    outside = _count_outside(done, first, last) if first and last else 0
    if outside:
        text = f"{count_things(outside, 'recording')} without a call {'was' if outside == 1 else 'were'} written outside the time of the CDRs ({first:%Y-%m-%d} to {last:%Y-%m-%d})."
        found.append(Advice(text=text, remedy="Check the CDRs of that time, too: rotated files, or the CDR database."))
    return found


def _advise_on_absent_folder(report: SwitchReport) -> list[Advice]:
    if not report.totals.calls:
        return []
    if not report.absent.count:
        text = "No folder with recordings was named, and the CDRs name no recordings."
        return [Advice(text=text, remedy="Name the folder of the recordings, too, if the switch records calls.")]
    folders = sorted({str(Path(path).parent) for path, _ in report.absent.examples if "/" in path})
    where = f", in {', '.join(folders)}" if folders else ""
    default = "/var/spool/asterisk/monitor" if report.kind is SwitchKind.ASTERISK else "/var/lib/freeswitch/recordings"
    text = f"The CDRs name {count_things(report.absent.count, 'recording')}{where}, but no folder with recordings was named."
    return [Advice(text=text, remedy=f"Name their folder, too (usually {default}).")]


def _count_outside(done: SwitchRun, first: datetime, last: datetime) -> int:
    """Return the number of recordings without a call that were last written before the first call or long after the last."""
    earliest, latest = first - timedelta(hours=1), last + timedelta(days=1)
    count = 0
    for rejection in done.run.result.rejected:
        try:
            second = os.stat(rejection.file).st_mtime if rejection.reason == NO_CDR else None
        except OSError:
            continue  # the name is not UTF-8, or the file is gone
        if second is not None and is_audio_name(rejection.file):
            written = datetime.fromtimestamp(min(max(second, 0), 4e9), UTC)  # a time stamp may be anything
            count += not earliest <= written <= latest
    return count


def _list_paths(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _MAX_NAMES} more" if len(paths) > _MAX_NAMES else ""
    return ", ".join(map(str, paths[:_MAX_NAMES])) + more

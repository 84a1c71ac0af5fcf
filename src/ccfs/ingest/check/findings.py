"""Run a check: survey the paths, ingest into a scratch site, and collect the report from its database."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import ingest_overview
from ccfs.db.tenant.ingest.ingest_overview import CallTotals
from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.check.recognition.survey import Survey, survey_paths
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.report.advice import advise, advise_on_switch
from ccfs.ingest.check.report.readings import describe_files
from ccfs.ingest.check.report.rejections import find_absent, group_rejections
from ccfs.ingest.check.report.samples import MAX_SAMPLES, choose_samples
from ccfs.ingest.check.report.types import CheckReport, OwnerPlan, RecordingsFound, SwitchReport, UnreadableFile
from ccfs.ingest.check.runs.asterisk import run_asterisk
from ccfs.ingest.check.runs.ccfs import run_ccfs
from ccfs.ingest.check.runs.freeswitch import run_freeswitch
from ccfs.ingest.check.runs.scratch_site import open_scratch_site
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.call import Direction
from ccfs.model.identity.tenancy import App

COMMAND_AK = "AK"  # in the commands: the AK of an app that does not exist yet
_RUNS = {SwitchKind.ASTERISK: run_asterisk, SwitchKind.FREESWITCH: run_freeswitch, SwitchKind.CCFS: run_ccfs}
_MAX_NAMES = 20  # queues, and agents, that are listed


def check_paths(paths: Sequence[Path], options: CheckOptions) -> CheckReport:
    """Check files and folders. The call leaves nothing behind. Raise FileNotFoundError for a path that does not exist."""
    survey = survey_paths(paths, options.read, options.report_progress)
    with open_scratch_site() as site:
        all_runs = [run(site.create_site(name), survey, options) for name, run in _RUNS.items()]
        runs = [done for done in all_runs if done is not None]
        apps = [done.owner.app for done in runs]
        with site.database.read_transaction() as connection:
            switches = [_describe_switch(connection, done, apps, survey, options) for done in runs]
    report = _build_report(paths, survey, runs, switches)
    tables = [table for table in (options.cdr_table, options.queue_table) if table]
    return replace(report, tables=tables, advice=advise(report, survey, options))


def _build_report(
    paths: Sequence[Path], survey: Survey, runs: Sequence[SwitchRun], switches: Sequence[SwitchReport]
) -> CheckReport:
    unreadable = [
        UnreadableFile(path=file.path, reason=file.found.reason, remedy=file.found.remedy)
        for file in survey.list_kind(FileKind.UNREADABLE)
    ]
    unreadable += [UnreadableFile(path=path, reason=why, remedy="") for done in runs for path, why in done.failed]
    return CheckReport(
        paths=paths,
        tables=(),
        switches=switches,
        recordings=RecordingsFound(
            count=len(survey.recordings),
            bytes=survey.recording_bytes,
            by_extension=dict(survey.recording_extensions.most_common()),
        ),
        unused_cels=_list_unused_cels(survey, runs),
        queue_logs=[file.path for file in survey.list_kind(FileKind.QUEUE_LOG)],
        unused=[unused for done in runs for unused in done.unused],
        unreadable=unreadable,
        other_count=survey.other_count,
    )


def _list_unused_cels(survey: Survey, runs: Iterable[SwitchRun]) -> list[Path]:
    used = {file.path for done in runs if done.cel for file in done.cel.files}
    return [file.path for file in survey.list_kind(FileKind.CEL) if file.path not in used]


def _describe_switch(
    connection: Connection, done: SwitchRun, apps: Sequence[App], survey: Survey, options: CheckOptions
) -> SwitchReport:
    owners = list({(owner.app.id, owner.account.account_id): owner for owner in done.owners}.values())
    rejections, unmatched = group_rejections(connection, done, apps, survey)
    log, cel, share = done.queue_log, done.cel, max(1, MAX_SAMPLES // max(1, len(owners)))
    report = SwitchReport(
        kind=done.kind,
        readings=describe_files(done, survey, options),
        totals=_sum_totals(
            [ingest_overview.count_calls(connection, *_get_key(owner)) for owner in owners], owners[0].account.zoneinfo
        ),
        agent_operations=done.run.result.agent_operations,
        queues=[
            queue for own in owners for queue in ingest_overview.list_queues(connection, *_get_key(own), _MAX_NAMES)
        ],
        agents=[
            agent for own in owners for agent in ingest_overview.list_agents(connection, *_get_key(own), _MAX_NAMES)
        ],
        samples=[call for own in owners for call in choose_samples(connection, own, share)][:MAX_SAMPLES],
        rejections=rejections,
        unmatched=unmatched,
        absent=find_absent(connection, owners),
        owners=[
            OwnerPlan(
                ak=COMMAND_AK if own.app == done.owner.app else own.app.ak,
                account_id=own.account.account_id,
                vdn_id=own.vdn.vdn_id,
                zone=_propose_zone(own.account.zone, options),
            )
            for own in done.owners
        ],
        cdrs=done.cdrs,
        older_cdrs=done.older_cdrs,
        queue_log=log.watched_path if log else done.queue_table,
        older_queue_logs=[file.path for file in log.files if file.path != log.watched_path] if log else [],
        cel=cel.watched_path if cel else None,
        older_cels=[file.path for file in cel.files if file.path != cel.watched_path] if cel else [],
        recordings=done.recordings,
        tenants_file=done.tenants_file,
    )
    return replace(report, advice=advise_on_switch(connection, report, done, survey, options))


def _propose_zone(zone: str, options: CheckOptions) -> str:
    """Return the zone to use for the account: the CDRs' zone or, if they are in UTC, this machine's."""
    return options.local_zone if zone.rpartition("/")[2] == "UTC" else zone


def _get_key(owner: CallOwner) -> tuple[App, str]:
    return owner.app, owner.account.account_id


def _sum_totals(totals: Iterable[CallTotals], zone: ZoneInfo) -> CallTotals:
    """Return the totals of several accounts, with times in a zone."""
    parts = list(totals)
    firsts, lasts = [part.first for part in parts if part.first], [part.last for part in parts if part.last]
    return CallTotals(
        calls=sum(part.calls for part in parts),
        rows=sum(part.rows for part in parts),
        answered=sum(part.answered for part in parts),
        recorded=sum(part.recorded for part in parts),
        answered_without_recording=sum(part.answered_without_recording for part in parts),
        by_direction={direction: sum(part.by_direction[direction] for part in parts) for direction in Direction},
        first=min(firsts).astimezone(zone) if firsts else None,
        last=max(lasts).astimezone(zone) if lasts else None,
    )

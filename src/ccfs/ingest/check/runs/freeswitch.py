"""Dry run over the files of FreeSWITCH: CDRs in any format, then the recordings."""

from dataclasses import replace
from pathlib import Path

from ccfs.ingest import freeswitch
from ccfs.ingest.check.recognition.sources import list_freeswitch_paths, list_recordings_folders
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable, list_table_domains
from ccfs.ingest.check.runs.domains import propose_rules
from ccfs.ingest.check.runs.scratch_site import ScratchSite
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun


def run_freeswitch(site: ScratchSite, survey: Survey, options: CheckOptions) -> SwitchRun | None:
    """Ingest the files and the table of FreeSWITCH. Return None if there were no CDRs."""
    paths: list[Path | CheckedTable] = [*list_freeswitch_paths(survey)]
    if (table := options.cdr_table) and table.kind is SwitchKind.FREESWITCH:
        survey.table_domains = list_table_domains(table)
        paths.insert(0, table)
    if not paths:
        return None
    run = site.create_run(options.report_progress, options.max_lines)
    tenants_file, rules = options.tenants or propose_rules(survey) or (None, None)
    owner, router = site.create_owner("freeswitch", options.zone or options.local_zone, rules)
    done = SwitchRun(
        kind=SwitchKind.FREESWITCH, owner=owner, router=router, tenants_file=tenants_file, run=run, cdrs=paths
    )
    sources = [
        freeswitch.FreeSwitchSource(
            cdr=path.source if isinstance(path, CheckedTable) else path,
            columns=options.read.freeswitch_columns,
            zone=options.zone,
            agent_pattern=options.agent_pattern,
            router=router,
        )
        for path in paths
    ]
    for path, source in zip(paths, sources, strict=True):
        with done.catch_failure(path):
            freeswitch.ingest(run, owner, source)
    done.recordings = list_recordings_folders(survey)
    freeswitch.ingest_recordings(run, owner, replace(sources[0], recordings=done.recordings))
    return done

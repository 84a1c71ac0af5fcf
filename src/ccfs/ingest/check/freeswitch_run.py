"""Dry run over the files of FreeSWITCH: CDRs in any format, then the recordings."""

from ccfs.ingest import freeswitch
from ccfs.ingest.check.scratch_site import ScratchSite
from ccfs.ingest.check.sources import list_freeswitch_paths, list_recordings_folders
from ccfs.ingest.check.survey import Survey
from ccfs.ingest.check.switch_run import CheckOptions, SwitchKind, SwitchRun
from ccfs.ingest.tenants import ingest_recordings
from ccfs.switches.freeswitch import find_channel_ids


def run_freeswitch(site: ScratchSite, survey: Survey, options: CheckOptions) -> SwitchRun | None:
    """Ingest the files of FreeSWITCH; None if it left no CDRs."""
    paths = list_freeswitch_paths(survey)
    if not paths:
        return None
    run = site.create_run(options.report_progress, options.max_lines)
    owner, router = site.create_owner("freeswitch", options.zone or options.local_zone, options.tenants)
    done = SwitchRun(kind=SwitchKind.FREESWITCH, owner=owner, router=router, run=run, cdrs=paths)
    for path in paths:
        source = freeswitch.FreeSwitchSource(
            cdr=path,
            recordings=None,
            columns=options.read.freeswitch_columns,
            zone=options.zone,
            agent_pattern=options.agent_pattern,
            router=router,
        )
        with done.catch_failure(path):
            freeswitch.ingest(run, owner, source)
    done.recordings = list_recordings_folders(survey)
    for folder in done.recordings:
        with done.catch_failure(folder):
            ingest_recordings(run, owner, router, folder, find_channel_ids)
    return done

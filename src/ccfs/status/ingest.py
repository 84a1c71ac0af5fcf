"""Ingest over all apps: whether it runs, how far behind each source is, what it rejected, which recordings are missing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.db.system import clock_times, ingest_totals, status_counts
from ccfs.db.system.status_counts import AppCount, SourceRead
from ccfs.db.system.storage import lost_blobs
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import get_source_path, is_table_url
from ccfs.status.findings import Area, Finding, FindingKind, Severity, Value

WATCH_COMMAND: Final = "ccfs ingest … --watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFacts:
    """Facts of the database about ingest."""

    sources: list[SourceRead]
    last_pass_at: datetime | None  # the end of the last pass, whether or not it found anything new
    rejected: list[AppCount]
    missing: list[AppCount]
    awaited: int
    lost: int
    missing_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source file of an app."""

    app: str  # its name
    path: str  # the file or table
    read_at: datetime  # when something new was last read
    backlog: int | None  # bytes that are not read; None: the file is not on this machine, or it is a table
    lag: timedelta | None  # how long the oldest unread line has waited at most; None: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFigures:
    """Ingest over all apps. Numbers are MAX_COUNTED at most."""

    sources: tuple[SourceStatus, ...]
    last_pass_at: datetime | None
    rejected: int
    missing: int
    awaited: int
    lost: int
    missing_files: int


def load_facts(connection: Connection) -> IngestFacts:
    """Return what the database has of ingest."""
    return IngestFacts(
        sources=status_counts.list_sources(connection),
        last_pass_at=clock_times.get(connection, clock_times.INGEST_PASS),
        rejected=status_counts.count_rejections(connection),
        missing=status_counts.count_missing_recordings(connection),
        awaited=status_counts.count_awaited_recordings(connection),
        lost=lost_blobs.count(connection),
        missing_files=ingest_totals.count_missing_files(connection),
    )


def measure_backlogs(sources: Sequence[SourceRead]) -> dict[str, int]:
    """Return the unread bytes of each source that is on this machine, by the path of its cursor. No file is opened."""
    backlogs = {}
    for source in sources:
        path = get_source_path(source.path)
        if is_table_url(path):
            continue
        try:
            backlogs[source.path] = max(0, os.stat(path).st_size - source.offset)
        except (OSError, ValueError):
            continue  # on another machine, or rotated away
    return backlogs


def judge_ingest(
    facts: IngestFacts, backlogs: Mapping[str, int], now: datetime, max_lag: timedelta, apps: Mapping[int, App]
) -> tuple[IngestFigures, list[Finding]]:
    """Return the status, and what is wrong. `max_lag` of 0: nothing is too late."""
    names = {app.id: app.name for app in apps.values()}
    sources = tuple(_build_source(source, facts.last_pass_at, backlogs, now, names) for source in facts.sources)
    status = IngestFigures(
        sources=sources,
        last_pass_at=facts.last_pass_at,
        rejected=sum(count.count for count in facts.rejected),
        missing=sum(count.count for count in facts.missing),
        awaited=facts.awaited,
        lost=facts.lost,
        missing_files=facts.missing_files,
    )
    return status, [*_judge_passes(status, now, max_lag), *_judge_data(facts, apps)]


def _build_source(
    source: SourceRead,
    last_pass_at: datetime | None,
    backlogs: Mapping[str, int],
    now: datetime,
    names: Mapping[int, str],
) -> SourceStatus:
    backlog = backlogs.get(source.path)
    known_at = max(source.read_at, last_pass_at or source.read_at)  # a pass reads all that there is
    lag = None if backlog is None else max(timedelta(), now - known_at) if backlog else timedelta()
    return SourceStatus(
        app=names.get(source.app, ""),
        path=get_source_path(source.path),
        read_at=source.read_at,
        backlog=backlog,
        lag=lag,
    )


def _judge_passes(status: IngestFigures, now: datetime, max_lag: timedelta) -> list[Finding]:
    page = "/console/ingest"
    latest = max((source.read_at for source in status.sources), default=None)
    if latest is None and status.last_pass_at is None:
        kind = FindingKind.INGEST_NEVER_RAN
        return [
            Finding(
                kind=kind, area=Area.INGEST, severity=Severity.NOTICE, path=page, command="ccfs ingest check --help"
            )
        ]
    instants = [instant for instant in (latest, status.last_pass_at) if instant]
    age = now - max(instants)
    if max_lag and age > max_lag:
        values = {"age": int(age.total_seconds())}
        kind, severity = FindingKind.INGEST_STOPPED, Severity.WARNING
        return [
            Finding(kind=kind, area=Area.INGEST, severity=severity, values=values, path=page, command=WATCH_COMMAND)
        ]
    return [
        Finding(
            kind=FindingKind.SOURCE_BEHIND,
            area=Area.INGEST,
            severity=Severity.WARNING,
            values={"source": source.path, "age": int(source.lag.total_seconds())},
            path=page,
            command=WATCH_COMMAND,
        )
        for source in status.sources
        if max_lag and source.lag and source.lag > max_lag
    ]


def _judge_data(facts: IngestFacts, apps: Mapping[int, App]) -> list[Finding]:
    findings = []
    for counts, kind, area, page in (
        (facts.rejected, FindingKind.LINES_REJECTED, Area.INGEST, "/console/ingest"),
        (facts.missing, FindingKind.RECORDINGS_MISSING, Area.RECORDINGS, "/console/missing-recordings"),
    ):
        for count in (count for count in counts if count.app in apps):
            app = apps[count.app]
            path = f"{page}?{urlencode({'app': app.ak})}" if area is Area.RECORDINGS else page
            values: dict[str, Value] = {"app": app.name, "count": count.count}
            findings.append(Finding(kind=kind, area=area, severity=Severity.WARNING, values=values, path=path))
    for number, kind, area in (
        (facts.missing_files, FindingKind.ROTATED_FILES_MISSING, Area.INGEST),
        (facts.lost, FindingKind.RECORDINGS_LOST, Area.RECORDINGS),
    ):
        if number:
            severity = Severity.PROBLEM if kind is FindingKind.RECORDINGS_LOST else Severity.WARNING
            findings.append(
                Finding(kind=kind, area=area, severity=severity, values={"count": number}, path="/console/ingest")
            )
    return findings

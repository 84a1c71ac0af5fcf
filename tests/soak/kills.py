"""Runs every program that kills processes at random moments, on both databases, and prints a table.

    python -m tests.soak.kills FOLDER [--kills N] [--seed N] [--subject NAME ...]

Each subject gets so many kills on each database, 1,190 in total by default. "lost" counts what was accepted and is gone, "wrong"
what is damaged, twice or unlike an undisturbed run, "untold" results that nobody learns of and deletions without a report,
"orphaned" files and rows that belong to nothing. A failure does not end the run. Exits with 1 if any figure is not 0, or a
program fails. tests/soak/test_kills.py runs it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import databases, servers
from tests.cli.command import ROOT

KILLS = 85  # of a subject on one database
EXPORTS_PER_KILL = 10
MAX_SECONDS = 3 * 3600  # of one program
MAX_ERROR_LENGTH = 5000  # characters that a failed program wrote
DATABASES = ("SQLite", "PostgreSQL")
FIGURES = ("kills", "done", "lost", "wrong", "untold", "orphaned")


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRun:
    """One run of one program."""

    folder: Path
    kills: int
    seed: int
    url: str  # of a PostgreSQL database; empty: SQLite
    s3_url: str  # of a service of its own; empty if the subject needs none


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is killed, by which program, and where the figures are in its result."""

    name: str
    build_arguments: Callable[[KillRun], list[object]]
    needs_s3: bool = False
    figures: Mapping[str, tuple[str, ...]]  # of the table -> names whose values are added up


def _build_positional(program: str) -> Callable[[KillRun], list[object]]:
    return lambda run: [program, run.folder, run.kills, run.seed, *([run.url] if run.url else [])]


def _build_exports(run: KillRun) -> list[object]:
    exports = ["--exports", EXPORTS_PER_KILL * run.kills, "--longest", 2]
    return ["export_kill", run.folder, *exports, *_build_options(run)]


def _build_options(run: KillRun) -> list[object]:
    return ["--kills", run.kills, "--seed", run.seed, "--url", run.url]


_OWN = {name: (name,) for name in FIGURES}  # programs that use these names
_OF_INGEST = {
    "done": ("ended",),
    "lost": ("absent",),
    "wrong": ("torn", "twice", "shared", "unequal"),
    "orphaned": ("orphans",),
}
_OF_UPLOADS = {
    "done": ("answered",),
    "lost": ("lost", "absent"),
    "wrong": ("torn", "partial"),
    "orphaned": ("orphaned",),
}
_OF_EXPORTS = {
    "done": ("answered",),
    "lost": ("unfinished",),
    "wrong": ("incomplete_zips",),
    "orphaned": ("orphaned_zips",),
}
_OF_CALLBACKS = {"done": ("announced",), "wrong": ("with_several_ids",), "untold": ("lost",)}
_OF_MOVES = {"done": ("moved",), "lost": ("broken",), "wrong": ("not_moved",), "orphaned": ("orphans",)}
SUBJECTS = (
    Subject(name="ingest", build_arguments=_build_positional("ingest_kill"), figures=_OF_INGEST),
    Subject(name="upload", build_arguments=_build_positional("upload_kill"), figures=_OF_UPLOADS),
    Subject(name="export", build_arguments=_build_exports, figures=_OF_EXPORTS),
    Subject(name="callback", build_arguments=_build_exports, figures=_OF_CALLBACKS),
    Subject(
        name="bulk download",
        build_arguments=lambda run: ["bulk_kill", run.folder, "--s3", run.s3_url, *_build_options(run)],
        needs_s3=True,
        figures=_OWN,
    ),
    Subject(
        name="move",
        build_arguments=lambda run: ["move_kill", run.folder, run.s3_url, *_build_options(run)],
        needs_s3=True,
        figures=_OF_MOVES,
    ),
    Subject(
        name="retention",
        build_arguments=lambda run: ["retention_kill", run.folder, *_build_options(run)],
        figures=_OWN,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRow:
    """A line of the table."""

    subject: str
    database: str
    figures: Mapping[str, int]
    failure: str = ""  # of the program, which then has no figures

    def is_good(self, kills: int) -> bool:
        """Return whether there were enough kills, and nothing but done work."""
        faults = [self.figures.get(name, 1) for name in FIGURES[2:]]
        return not self.failure and not any(faults) and self.figures["kills"] >= kills and self.figures["done"] > 0

    def format(self) -> str:
        """Return the row in Markdown."""
        cells = (
            [self.failure and "failed", *[""] * 5] if self.failure else [f"{self.figures[name]:,}" for name in FIGURES]
        )
        return f"| {' | '.join([self.subject, self.database, *cells])} |"


def run_all(
    folder: Path, postgres_url: str, kills: int, seed: int, subjects: tuple[Subject, ...] = SUBJECTS
) -> Iterator[KillRow]:
    """Yield a row for each subject and database."""
    for number, subject in enumerate(subjects):
        for database in DATABASES:
            with ExitStack() as stack:
                own = folder / f"{subject.name.replace(' ', '-')}-{database.lower()}"
                url = stack.enter_context(databases.create_database(postgres_url)) if database == "PostgreSQL" else ""
                s3_url = stack.enter_context(servers.run_seaweedfs()) if subject.needs_s3 else ""
                run = KillRun(folder=own, kills=kills, seed=seed + number, url=url, s3_url=s3_url)
                yield _run_program(subject, database, run)


def _run_program(subject: Subject, database: str, run: KillRun) -> KillRow:
    program, *arguments = map(str, subject.build_arguments(run))
    run.folder.mkdir(parents=True)
    command = [sys.executable, "-m", f"tests.soak.{program}", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    shared: dict[str, Any] = {"subject": subject.name, "database": database}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=MAX_SECONDS
        )
        results = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        text = done.stderr[-MAX_ERROR_LENGTH:] if isinstance(error, ValueError) else ""
        return KillRow(**shared, figures={}, failure=f"{type(error).__name__} {text}")
    print(json.dumps({**shared, **results}), file=sys.stderr, flush=True)
    if done.returncode:
        print(done.stderr[-MAX_ERROR_LENGTH:], file=sys.stderr, flush=True)
    names = {"kills": ("kills",), **subject.figures}
    return KillRow(
        **shared, figures={figure: sum(int(results[name]) for name in names.get(figure, ())) for figure in FIGURES}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of a subject on one database; default: {KILLS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--subject", action="append", choices=[subject.name for subject in SUBJECTS], help="default: all"
    )
    options = parser.parse_args()
    by_name = {subject.name: subject for subject in SUBJECTS}
    subjects = tuple(by_name[name] for name in options.subject or by_name)
    print(f"| {' | '.join(('subject', 'database', *FIGURES))} |\n|{'---|' * 8}", flush=True)
    is_good = True
    with servers.run_postgres() as postgres_url:
        for row in run_all(options.folder, postgres_url, options.kills, options.seed, subjects):
            is_good &= row.is_good(options.kills)
            print(row.format(), flush=True)
            if row.failure:
                print(row.failure, file=sys.stderr, flush=True)
    sys.exit(not is_good)


if __name__ == "__main__":
    main()

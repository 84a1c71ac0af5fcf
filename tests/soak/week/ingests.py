"""Watches of `ccfs ingest` that are killed and started again.

Each is forked from this process, which has imported the command, so that kills hit the ingest and not its imports.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from ccfs.cli import main as ccfs
from tests.ingest.ingest_site import ACCOUNT_ID, AK, VDN_ID, IngestSite
from tests.soak.week.asterisk_week import ZONE

SETTINGS = {"CCFS_SETTLE_SECONDS": "0.3", "CCFS_WATCH_SECONDS": "0.1", "CCFS_RECORDING_WAIT_SECONDS": "1000000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files of one of the switches."""

    switch: str  # "asterisk", "freeswitch"
    arguments: tuple[str, ...]

    def build_command(self, *more: str) -> list[str]:
        """Return the arguments of ccfs."""
        owner = ["--app", AK, "--account", ACCOUNT_ID, "--vdn", str(VDN_ID)]
        return ["ingest", self.switch, *owner, *self.arguments, *more]


def list_sources(logs: Path, recordings: Path) -> tuple[Source, Source]:
    """Return the sources of both switches; `logs` has their logs, `recordings` their recordings."""
    log = logs / "asterisk" / "log"
    asterisk = ["--cdr", str(log / "Master.csv"), "--queue-log", str(log / "queue_log")]
    freeswitch = ["--cdr", str(logs / "freeswitch" / "cdr"), "--zone", ZONE]
    return (
        Source(switch="asterisk", arguments=(*asterisk, "--recordings", str(recordings / "asterisk" / "monitor"))),
        Source(
            switch="freeswitch", arguments=(*freeswitch, "--recordings", str(recordings / "freeswitch" / "recordings"))
        ),
    )


def start(site: IngestSite, arguments: list[str], **settings: str) -> int:
    """Fork an ingest, which shares no database connection with this process. Return its process id."""
    site.node.database.close()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.environ.update({**site.environment, **SETTINGS, **settings})
            sys.argv = ["ccfs", *arguments]
            with open(get_log(site, arguments[1]), "ab", buffering=0) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            ccfs()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            os._exit(code)
    return child


def get_log(site: IngestSite, switch: str) -> Path:
    """Return the file with what the ingests of a switch print."""
    return site.folder / f"{switch}.log"


def run_to_end(site: IngestSite, source: Source, *more: str, **settings: str) -> None:
    """Run an ingest to its end. Raise AssertionError with its output if it fails."""
    _, status = os.waitpid(start(site, source.build_command(*more), **settings), 0)
    assert os.waitstatus_to_exitcode(status) == 0, get_log(site, source.switch).read_text()[-5000:]


class Watch:
    """A watch that runs, or is down for a while."""

    def __init__(self, site: IngestSite, source: Source) -> None:
        self._site, self.source = site, source
        self._child = 0
        self.kills = self.starts = self.failures = 0

    @property
    def is_running(self) -> bool:
        if self._child:
            self._reap(os.WNOHANG)
        return self._child != 0

    def start(self) -> None:
        """Start the watch."""
        self._child = start(self._site, self.source.build_command("--watch"))
        self.starts += 1

    def stop(self, number: int = signal.SIGKILL) -> None:
        """Stop the watch, unless it has ended by itself."""
        if self.is_running:
            os.kill(self._child, number)
            self._reap(0, is_stopped=True)

    def _reap(self, options: int, *, is_stopped: bool = False) -> None:
        child, status = os.waitpid(self._child, options)
        if child:
            self._child = 0
            code = os.waitstatus_to_exitcode(status)
            self.kills += code == -signal.SIGKILL
            self.failures += not is_stopped or code not in (0, -signal.SIGKILL)

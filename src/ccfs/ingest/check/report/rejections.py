"""Group the rejections of a dry run by reason, lines separate from recordings. List missing recordings."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import ingest_overview, ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.ingest.check.report.types import AbsentRecordings, RejectionGroup
from ccfs.ingest.check.runs.switch_run import SwitchRun
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.recordings.match import NO_CDR, SEVERAL_CALLS, SEVERAL_FILES
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import INGESTED

_OF_FOLDER = (NO_CDR, SEVERAL_CALLS, SEVERAL_FILES)  # reasons of files below the recordings' folder
_MAX_REASONS = 30
_MAX_EXAMPLES = 3  # of each reason
_MAX_ABSENT = 5  # recordings that are named
_RAW_LENGTH = 120  # characters of a rejected line
_PATHS_PER_QUERY = 1000


def group_rejections(
    connection: Connection, done: SwitchRun, apps: Sequence[App], survey: Survey
) -> tuple[list[RejectionGroup], list[RejectionGroup]]:
    """Return the rejected lines and CDR files, and the rejected recordings, by reason, the most frequent first.

    Files that are no recordings are left out, and so are those that match a call of another app.
    """
    rejected = done.run.result.rejected
    recordings = {to_db_path(path) for path in survey.recordings}
    useless = {to_db_path(path) for path in survey.others}
    files = [row for row in rejected if not row.line and row.file in recordings]
    lines = [
        row for row in rejected if row.line or (row.file not in recordings | useless and row.reason not in _OF_FOLDER)
    ]
    paths = [row.file for row in files]
    ingested = {path for app in apps for path in _find_ingested(connection, app, paths)}
    return _group(lines), _group(row for row in files if row.file not in ingested)


def find_absent(connection: Connection, owners: Iterable[CallOwner]) -> AbsentRecordings:
    """Return the recordings that CDRs name and that do not exist."""
    count, examples = 0, list[tuple[str, str]]()
    for owner in owners:
        key = owner.app, owner.account.account_id
        count += ingest_overview.count_expected(connection, *key)
        examples += [(row.path, row.call_id) for row in ingest_overview.list_expected(connection, *key, _MAX_ABSENT)]
    return AbsentRecordings(count=count, examples=tuple(examples[:_MAX_ABSENT]))


def _find_ingested(connection: Connection, app: App, paths: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(paths), _PATHS_PER_QUERY):
        known = ingest_state.find_known_files(connection, app, list(paths[start : start + _PATHS_PER_QUERY]))
        found |= {path for path, (_, _, state) in known.items() if state == INGESTED}
    return found


def _group(rejections: Iterable[IngestRejection]) -> list[RejectionGroup]:
    by_reason: dict[str, list[IngestRejection]] = defaultdict(list)
    for row in rejections:
        by_reason[row.reason].append(row)
    largest = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))[:_MAX_REASONS]
    return [
        RejectionGroup(
            reason=reason,
            count=len(some),
            examples=tuple((row.file, row.line, _format_raw(row.raw)) for row in some[:_MAX_EXAMPLES]),
        )
        for reason, some in largest
    ]


def _format_raw(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace").strip()[:_RAW_LENGTH]

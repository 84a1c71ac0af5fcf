"""ccfs ingest verify: check that the stored file of every recording is where its row says."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import typer

from ccfs import logs
from ccfs.cli.common import AppKeyOption, DataFolderOption, JsonOption, open_node, print_result
from ccfs.cli.ingest.check import ingest_commands
from ccfs.cli.ingest.commands import escape_unprintable
from ccfs.db.system import tenants
from ccfs.db.system.storage import lost_blobs
from ccfs.db.tenant import recordings
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node, utc_now

__all__ = ["ingest_commands"]

BATCH_SIZE = 1000  # recordings
THREADS = 16  # requests at once, which mostly wait for an S3 service
MAX_LISTED = 10_000  # lost recordings in the result


class _StoredFile(NamedTuple):
    name: str  # index name of the recording
    blob: BlobRef


@dataclass(slots=True)
class _Verification:
    """Counts, and the names of lost recordings."""

    checked: int = 0
    unreachable: int = 0  # recordings whose location cannot tell
    lost_count: int = 0
    lost: list[str] = field(default_factory=list)  # the first MAX_LISTED

    def add(self, lost: Sequence[_StoredFile]) -> None:
        self.lost_count += len(lost)
        self.lost += [file.name for file in lost][: MAX_LISTED - len(self.lost)]


@ingest_commands.command("verify")
def verify_recordings(
    app: AppKeyOption,
    full: Annotated[bool, typer.Option("--full", help="Also read each file and compare its SHA-256.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that every recording's stored file exists and has its size. The next ingest pass restores those that are lost."""
    logs.configure_logging()
    node = open_node(data)
    with node.database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
    result = _Verification()
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in _iter_batches(node, owner):
            states = list(pool.map(lambda file: _is_lost(node, file.blob, full), batch))
            result.checked += len(batch)
            result.unreachable += states.count(None)
            lost = [file for file, is_lost in zip(batch, states, strict=True) if is_lost]
            result.add(lost)
            _report(node, lost)
    values = {"checked": result.checked, "unreachable": result.unreachable, "lost_count": result.lost_count}
    text = [f"{name.replace('_', ' ')}: {value}" for name, value in values.items()]
    text += [escape_unprintable(f"lost: {name}") for name in result.lost[:20]]
    print_result({**values, "lost": result.lost}, as_json, "\n".join(text))
    if result.lost_count or result.unreachable:
        raise typer.Exit(1)


def _iter_batches(node: Node, app: App) -> Iterator[list[_StoredFile]]:
    last = ""
    while True:
        with node.database.read_transaction() as connection:
            rows = recordings.list_files_after(connection, app, last, BATCH_SIZE)
        if not rows:
            return
        yield [_StoredFile(name, blob) for name, blob in rows]
        last = rows[-1][0]


def _is_lost(node: Node, blob: BlobRef, check_bytes: bool) -> bool | None:
    """Return whether no location has the bytes; None if their location does not respond."""
    try:
        return node.replicas.is_lost(blob, check_bytes=check_bytes)
    except OSError:
        return None


def _report(node: Node, lost: Sequence[_StoredFile]) -> None:
    if not lost:
        return
    with node.database.write_transaction() as connection:
        new = [file for file in lost if lost_blobs.add(connection, file.blob, file.name, utc_now())]
    for _, blob in new:
        get_logger().error(
            "stored file lost", action="blob_lost", location=blob.location_id, key=blob.key, size=blob.size
        )

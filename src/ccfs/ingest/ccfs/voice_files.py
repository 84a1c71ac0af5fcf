"""Voice files of a CC-FS tree: files under the interface's own IVR paths."""

from collections.abc import Mapping
from datetime import UTC, datetime

from ccfs.db.tenant import voice_files
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.ccfs.tree import CcfsTree
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files import scan
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.files.scan import ScannedFile
from ccfs.ingest.recordings import store_audio
from ccfs.media.codec_table import UnknownAudio
from ccfs.model.identity.tenancy import App, Vdn
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.model.source_files import INGESTED, REJECTED
from ccfs.protocol import file_names
from ccfs.settings import Settings


def ingest_voice_files(run: IngestRun, app: App, vdns: Mapping[int, Vdn], tree: CcfsTree) -> None:
    """Ingest the files of the tree that an IVR path of one of the app's VDNs names."""
    for batch in scan.iter_batches(scan.scan_folder(tree.root, run.warn)):
        if run.is_stopped():
            return
        named = {file: name for file in batch if (name := _find_name(run.settings, vdns, tree, file))}
        with run.database.read_transaction() as connection:
            due = select_due_files(connection, app, list(named))
        for file, _ in due:
            if file.unusable_reason or scan.wait_until_stable(run, file):
                _ingest_voice_file(run, app, file, *named[file])


def _find_name(
    settings: Settings, vdns: Mapping[int, Vdn], tree: CcfsTree, file: ScannedFile
) -> tuple[str, int] | None:
    """Return the interface's name of a file and its VDN, if it is under one of the app's IVR paths.

    A folder of one letter at the top is the drive.
    """
    relative = (
        file.path.relative_to(tree.root).as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")
    )
    drive, _, rest = relative.partition("/")
    name = f"{drive.upper()}:/{rest}" if len(drive) == 1 and drive.isalpha() else f"Y:/{relative}"
    rules = f"{settings.download_path_rule};{settings.upload_path_rule}"
    ivr_vdn = file_names.parse_ivr_message_vdn(name, settings.ivr_message_folder)
    for vdn_id in (ivr_vdn, file_names.parse_oiap_record_vdn(name), file_names.vdn_from_path_rules(name, rules)):
        if vdn_id is not None and vdn_id in vdns:
            return name, vdn_id
    return None


def _ingest_voice_file(run: IngestRun, app: App, file: ScannedFile, name: str, vdn_id: int) -> None:
    """Store one file, or reject it."""
    try:
        if file.unusable_reason:
            raise UnknownAudio(file.unusable_reason)
        blob = run.store_audio(run.primary_location, f"{app.id}/voice/ingested", file.path, name).blob
    except UnknownAudio as error:
        _reject(run, app, file, str(error), is_final=not isinstance(error, store_audio.UnreadableAudio))
        return
    except (store_audio.StillGrowing, FileNotFoundError):
        return
    created_at = datetime.fromtimestamp(file.modified_ns // 1_000_000_000, UTC)
    with run.database.write_transaction() as connection:
        record_state(connection, run, app, file, INGESTED)
        known = voice_files.find_by_name(connection, app, name)
        if known is None:
            voice_files.add(connection, app, VoiceFile(vdn_id=vdn_id, file_name=name, blob=blob, created_at=created_at))
            run.result.voice_files += 1
            return
    if not known.blob.is_same_blob(blob):
        run.primary_location.delete(blob.key)
    if known.blob.sha256 != blob.sha256:
        _reject(run, app, file, f"another voice file has the name {name}", is_final=True)


def _reject(run: IngestRun, app: App, file: ScannedFile, reason: str, *, is_final: bool) -> None:
    """Reject a file. Unless the rejection is final, every run retries the file."""
    with run.database.write_transaction() as connection:
        run.reject(connection, app, [IngestRejection(file=scan.to_db_path(file.path), line=0, reason=reason)])
        if is_final:
            record_state(connection, run, app, file, REJECTED, reason)

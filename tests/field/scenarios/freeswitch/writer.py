"""Writing the files of a simulated FreeSWITCH into a folder, and the truth of its calls beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.field.scenarios.events import CallScript
from tests.field.scenarios.freeswitch.channels import FsChannel
from tests.field.scenarios.freeswitch.dialled import FreeSwitchManner
from tests.field.scenarios.freeswitch.files import CSV_EXAMPLE, format_csv_line, format_json, format_xml
from tests.field.scenarios.freeswitch.moves import MovingFreeSwitchCall
from tests.field.scenarios.truth import find_truth
from tests.field.scenarios.wavs import write_wav
from tests.field.scenarios.world import World
from tests.field.scenarios.written import KnownCall, WrittenFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitchWriter:
    """One switch: its set-up and its files."""

    manner: FreeSwitchManner
    form: str  # "json", "xml" or "csv"
    columns: str = CSV_EXAMPLE  # of a CSV file
    logs_b_legs: bool = True
    encodes: bool = True  # JSON values are URL-encoded

    def write(self, folder: Path, world: World, scripts: Sequence[CallScript]) -> WrittenFiles:
        """Write CDRs and recordings. Return the arguments of `ccfs ingest freeswitch`, and the truth."""
        files = _FreeSwitchFiles(self, folder, world)
        known = [files.write_call(script) for script in scripts]
        arguments: list[object] = ["--cdr", files.finish(), "--zone", world.plan.zone]
        if self.form == "csv" and self.columns != CSV_EXAMPLE:
            arguments += ["--columns", self.columns]
        return WrittenFiles(switch="freeswitch", arguments=arguments, recordings=folder / "monitor", calls=known)


class _FreeSwitchFiles:
    def __init__(self, writer: FreeSwitchWriter, folder: Path, world: World) -> None:
        self._writer, self._folder, self._world = writer, folder, world
        self._documents = folder / "cdr"
        self._documents.mkdir(parents=True, exist_ok=True)
        self._lines: list[tuple[int, str]] = []  # of a CSV file, by the end of their channels

    def write_call(self, script: CallScript) -> KnownCall:
        call = MovingFreeSwitchCall(self._world, self._writer.manner, script)
        call.play()
        truth = find_truth(script)
        name = self._record(call.channel, script.begin) if truth.recording else ""
        if name:
            write_wav(self._folder / "monitor" / name, truth.recording, truth.end)
        for channel in call.channels:
            if self._writer.logs_b_legs or not channel.is_b_leg:
                self._write_channel(channel)
        ids = frozenset(channel.uuid for channel in call.channels)
        return KnownCall(truth=truth, first_id=call.channel.uuid, ids=ids, recording=Path(name).name)

    def finish(self) -> Path:
        """Return the CDR file, or the folder of documents."""
        if self._writer.form != "csv":
            return self._documents
        path = self._folder / "Master.csv"
        path.write_text("".join(line for _, line in sorted(self._lines)), encoding="utf-8")
        return path

    def _record(self, channel: FsChannel, begin: int) -> str:
        """Note at the caller's channel where it is recorded. Return the path of the file in the folder of recordings."""
        day = datetime.fromtimestamp(begin / 1000, ZoneInfo(self._world.plan.zone))
        domain = self._world.plan.domain
        folder, name = f"{domain}/archive/{day:%Y/%b/%d}", f"{channel.uuid}.wav"
        root = "/var/lib/freeswitch/recordings"
        if "cc_agent" in channel.variables:
            channel.variables["cc_record_filename"] = f"{root}/{folder}/{name}"
        elif self._writer.manner.is_fusionpbx:
            channel.variables |= {"record_path": f"{root}/{folder}", "record_name": name, "record_session": "true"}
        else:
            channel.applications.append(("record_session", f"{root}/{folder}/{name}", channel.answered))
        return f"{folder}/{name}"

    def _write_channel(self, channel: FsChannel) -> None:
        writer = self._writer
        if writer.form == "csv":
            self._lines.append((channel.ended, format_csv_line(channel, writer.columns, self._world.plan.zone)))
            return
        prefix = "" if channel.is_b_leg else "a_"
        text = format_xml(channel) if writer.form == "xml" else format_json(channel, encodes=writer.encodes)
        (self._documents / f"{prefix}{channel.uuid}.cdr.{writer.form}").write_text(text, encoding="utf-8")

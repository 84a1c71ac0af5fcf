"""Writing the files of a simulated Asterisk into a folder, and the truth of its calls beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.field.scenarios.asterisk.files import (
    AsteriskNames,
    CdrDialect,
    format_cdrs,
    format_queue_log,
    format_queue_table,
)
from tests.field.scenarios.asterisk.log import AsteriskManner, CdrLine, QueueLogLine, SwitchLog, WrittenCall
from tests.field.scenarios.asterisk.moves import MovingAsteriskCall
from tests.field.scenarios.asterisk.old import merge_lines
from tests.field.scenarios.asterisk.originated import OriginatedAsteriskCall
from tests.field.scenarios.events import CallScript
from tests.field.scenarios.truth import find_truth
from tests.field.scenarios.wavs import write_wav
from tests.field.scenarios.world import World
from tests.field.scenarios.written import KnownCall, WrittenFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskWriter:
    """One switch: its set-up and its files."""

    manner: AsteriskManner
    dialect: CdrDialect
    has_queue_log: bool = True
    has_queue_table: bool = False  # the queue log is a table
    named_queue: str = ""  # whose members are under people's names
    has_dated_names: bool = False  # recordings are named as FreePBX names them, else by the uniqueid alone

    def write(self, folder: Path, world: World, scripts: Sequence[CallScript]) -> WrittenFiles:
        """Write CDRs, queue log and recordings. Return the arguments of `ccfs ingest asterisk`, and the truth."""
        log = SwitchLog()
        for script in scripts:
            self._log_call(world, log, script)
        log.assign_numbers()
        names = AsteriskNames(world.plan.zone, world.plan.system_name)
        files = _AsteriskFiles(self, folder, names, log)
        return files.write({agent.number: agent.name for agent in world.agents})

    def _log_call(self, world: World, log: SwitchLog, script: CallScript) -> None:
        kind = OriginatedAsteriskCall if script.is_originated else MovingAsteriskCall
        first_line = len(log.lines)
        call = kind(world, self.manner, log, script)
        call.play()
        if self.manner.is_old:
            log.lines[first_line:] = merge_lines(log.lines[first_line:], call.channel)
        truth = find_truth(script)
        log.calls.append(WrittenCall(script=script, truth=truth, channels=call.channels, recording=call.recording))


class _AsteriskFiles:
    def __init__(self, writer: AsteriskWriter, folder: Path, names: AsteriskNames, log: SwitchLog) -> None:
        self._writer, self._folder, self._names, self._log = writer, folder, names, log
        self._recordings = {call.channels[0]: self._name_file(call) for call in log.calls if call.recording}

    def write(self, people: dict[str, str]) -> WrittenFiles:
        self._folder.mkdir(parents=True, exist_ok=True)
        cdr = self._folder / "Master.csv"
        name_recording = self._name_recording if self._writer.dialect.names_recording else lambda _line: ""
        cdr.write_text(
            format_cdrs(self._log.lines, self._names, self._writer.dialect, name_recording), encoding="utf-8"
        )
        arguments: list[object] = ["--cdr", cdr]
        if self._writer.has_queue_log:
            write_queue_log = format_queue_table if self._writer.has_queue_table else format_queue_log
            queue_log = self._folder / "queue_log"
            text = write_queue_log(self._log.queue_lines, self._names, lambda line: self._name_member(line, people))
            queue_log.write_text(text, encoding="utf-8")
            arguments += ["--queue-log", queue_log]
        calls = [self._write_call(call) for call in self._log.calls]
        return WrittenFiles(switch="asterisk", arguments=arguments, recordings=self._folder / "monitor", calls=calls)

    def _write_call(self, call: WrittenCall) -> KnownCall:
        name = self._recordings.get(call.channels[0], "")
        if name:
            path = self._folder / "monitor" / f"{self._names.to_local(call.script.begin):%Y/%m/%d}" / name
            write_wav(path, call.truth.recording, call.truth.end)
        ids = [self._names.format_id(channel) for channel in call.channels]
        return KnownCall(
            truth=call.truth, first_id=ids[0], ids=frozenset(ids), recording=name if call.truth.recording else ""
        )

    def _name_file(self, call: WrittenCall) -> str:
        unique_id = self._names.format_id(call.channels[0])
        if not self._writer.has_dated_names:
            return f"{unique_id}.wav"
        return f"{call.recording}-{self._names.to_local(call.script.begin):%Y%m%d-%H%M%S}-{unique_id}.wav"

    def _name_recording(self, line: CdrLine) -> str:
        return self._recordings.get(line.channel, "") if line.recording else ""

    def _name_member(self, line: QueueLogLine, people: dict[str, str]) -> str:
        if line.queue == self._writer.named_queue:
            return people[line.member]
        if self._writer.manner.has_local_members:
            return f"Local/{line.member}@from-queue/n"
        return f"{self._writer.manner.technology}/{line.member}"

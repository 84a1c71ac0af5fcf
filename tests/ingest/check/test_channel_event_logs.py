"""Checks of Asterisk's channel event logs (CEL): which one is read, and what is said of the others."""

from pathlib import Path

from tests.ingest.check.checked_files import CALL, check, get_section, write_file, write_queue_call, write_rows
from tests.ingest.ingest_site import OLD_TIMESTAMP


def write_event(path: Path, modified: float = OLD_TIMESTAMP, second: int = 42) -> Path:
    """Write a channel event log of one line, as cel_custom has it."""
    fields = ["CHAN_START", f"17053110{second}.1", "600", "PJSIP/line-1", CALL, CALL, "", ""]
    return write_file(path, write_rows([fields]), modified)


def test_channel_events_are_read_and_their_option_is_in_the_command(tmp_path: Path) -> None:
    write_queue_call(tmp_path)
    file = write_event(tmp_path / "cel-custom" / "Master.csv", OLD_TIMESTAMP + 60)
    older = write_event(tmp_path / "cel-custom" / "Master.csv.1", OLD_TIMESTAMP, 41)
    text = check(tmp_path).out
    assert f"Channel events (CEL): {file} (cel_custom; 2 lines; with 1 rotated file)" in get_section(text, "FOUND")
    commands = get_section(text, "TO INGEST THESE CALLS")
    once, _, then = commands.partition("# then")
    assert f"--cel {older}" in once
    assert f"--cel {file}" in then


def test_a_second_channel_event_log_is_noted(tmp_path: Path) -> None:
    write_queue_call(tmp_path)
    newer = write_event(tmp_path / "a" / "cel.csv", OLD_TIMESTAMP + 60)
    older = write_event(tmp_path / "b" / "events.csv")
    text = check(tmp_path).out
    assert f"--cel {newer}" in get_section(text, "TO INGEST THESE CALLS")
    assert f"Channel events (CEL), not read: {older}" in get_section(text, "FOUND")
    assert "reads one such file: name another one with --cel." in get_section(text, "PLEASE NOTE")


def test_channel_events_are_read_with_tenant_rules_too(tmp_path: Path) -> None:
    write_queue_call(tmp_path / "switch")
    file = write_event(tmp_path / "switch" / "cel.csv")
    rules = write_file(tmp_path / "tenants.csv", "fact,value,app,account,vdn\nqueue,600,,acme,1\n")
    text = check(tmp_path / "switch", "--tenants", rules).out
    assert f"Channel events (CEL): {file} (cel_custom; 1 line)" in get_section(text, "FOUND")
    assert "not read" not in text
    command = get_section(text, "TO INGEST THESE CALLS")
    assert f"--tenants {rules}" in command
    assert f"--cel {file}" in command


def test_a_channel_event_log_without_ids_is_named_with_the_remedy(tmp_path: Path) -> None:
    write_queue_call(tmp_path)
    write_file(tmp_path / "cel.csv", write_rows([["CHAN_START", "1705311042.1", "PJSIP/line-1"]]))
    found = get_section(check(tmp_path).out, "FOUND")
    assert (
        f"Cannot be read: {tmp_path}/cel.csv: a channel event log (CEL) without the times, channels or unique" in found
    )
    assert "In the mapping of /etc/asterisk/cel_custom.conf, use eventtype, eventtime," in found

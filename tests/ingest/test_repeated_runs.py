"""A repeated ingest changes no row and no byte, even if files were rotated, emptied or copied meanwhile."""

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.tenant.ingest import ingest_state
from ccfs.demo.simulator.day import write_day
from ccfs.ingest.ccfs import CcfsSource, ingest
from ccfs.ingest.context import IngestRun
from ccfs.server.node import utc_now
from tests.cli.command import run_in_parallel
from tests.ingest.ingest_site import AK, FREESWITCH_SAMPLES, OLD_TIMESTAMP, IngestSite, build_cdr_line, make_wav
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, RECORD_ROW, SKILL_ROW

ADDED = ("cdrs", "recordings", "agent_operations", "skill_changes", "voice_files", "refused_count")
LINES = [build_cdr_line(f"1705311042.{number}", sequence=number) for number in range(5)]
MORE = [build_cdr_line(f"1705311042.{number}", sequence=number) for number in range(5, 8)]


def is_empty_run(added: dict[str, Any]) -> bool:
    """Return whether a run reports that it added nothing."""
    return not any(added[name] for name in ADDED) and added["refused"] == added["missing"] == []


def prepare_asterisk(site: IngestSite) -> Callable[[], Any]:
    """Write a day of calls with a damaged line, an unmatched recording, one that is no audio, and a missing one."""
    day = write_day(site.switch_folder, day=date(2024, 1, 15), zone="Europe/London", language="en", calls=12, seed=3)
    with open(day.cdr, "a") as file:
        file.write(
            "nonsense\n"
            + build_cdr_line(userfield="never.wav")
            + build_cdr_line("1705311043.1", userfield="text.wav").rstrip("\n")
        )
    site.write_recording("1700000000.1.wav", make_wav(1))
    site.write_recording("text.wav", b"no audio")
    return lambda: site.ingest_asterisk(day.cdr, "--queue-log", day.queue_log)


def prepare_freeswitch(site: IngestSite) -> Callable[[], Any]:
    """Write every sample and a damaged document."""
    for sample in FREESWITCH_SAMPLES.glob("*.*"):
        if sample.suffix != ".md":
            site.write_file(f"cdr/{sample.name}", sample.read_bytes())
    site.write_file("cdr/damaged.json", "{")
    site.write_recording("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav", make_wav(1))
    return lambda: site.ingest_freeswitch(site.switch_folder / "cdr")


def prepare_export(site: IngestSite) -> Callable[[], Any]:
    """Write index files of each kind, with a damaged and a foreign row, one recording and a voice message."""
    site.write_file("call.csv", f"{CALL_ROW}\n{CALL_ROW.replace('acme', 'elsewhere')}\n")
    site.write_file(
        "record.csv", f"{RECORD_ROW}\n{RECORD_ROW.replace('0903379', '0903380').replace('2043295', '2043296')}\n"
    )
    site.write_file("opr.csv", f"{OPR_ROW}\n{OPR_ROW.replace('2018-09-03 09:00:00', 'noon')}\n")
    site.write_file("skill.csv", SKILL_ROW)
    site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(1))
    site.write_recording("Y/17/record/20201015/x.wav", make_wav(2))
    return lambda: site.ingest_export(site.switch_folder, "--recordings", site.recordings_folder)


@pytest.mark.parametrize("prepare", [prepare_asterisk, prepare_freeswitch, prepare_export])
def test_a_second_run_changes_no_row_and_no_byte(
    prepare: Callable[[IngestSite], Callable[[], Any]], each_ingest_site: IngestSite
) -> None:
    run_again = prepare(each_ingest_site)
    first = run_again()
    assert first["cdrs"]
    assert first["recordings"]
    assert first["refused"]
    before = each_ingest_site.read_everything()
    assert is_empty_run(run_again())
    assert each_ingest_site.read_everything() == before
    check = each_ingest_site.check_blobs()
    assert check.pop("whole") == first["recordings"] + first["voice_files"]
    assert not any(check.values())


def list_cdrs(site: IngestSite) -> list[str]:
    return sorted(site.read_rows(schema.cdrs, "call_id"))


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(lines))


def test_a_rotated_file_is_read_to_its_end_before_the_new_one(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES[:3]))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 3
    write_lines(cdr, LINES)  # lines that no run has read yet
    cdr.rename(ingest_site.switch_folder / "Master.csv.1")
    write_lines(cdr, MORE[:1])
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3
    before = ingest_site.read_everything()
    assert is_empty_run(ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0"))
    assert ingest_site.read_everything() == before
    assert len(set(list_cdrs(ingest_site))) == 6


def test_a_file_that_was_rotated_twice_since_the_last_run_is_read_whole(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES[:2]))
    ingest_site.write_file("Master.csv.gz", b"not lines")
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 2
    ingest_site.write_file("Master.csv.2", "".join(LINES[:3]), OLD_TIMESTAMP + 1)
    ingest_site.write_file("Master.csv.1", "".join(LINES[3:]), OLD_TIMESTAMP + 2)
    cdr = ingest_site.write_file("Master.csv", "".join(MORE))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 6
    assert is_empty_run(ingest_site.ingest_asterisk(cdr))


def test_an_empty_file_after_a_rotation_adds_nothing_until_it_has_lines(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    ingest_site.ingest_asterisk(cdr)
    cdr.rename(ingest_site.switch_folder / "Master.csv-20240115")
    write_lines(cdr, [])
    assert is_empty_run(ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0"))
    write_lines(cdr, MORE)
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3


@pytest.mark.parametrize("refilled", [MORE, MORE + LINES, LINES[:2] + MORE, [], LINES], ids=len)
def test_a_file_that_was_emptied_and_rewritten_is_read_from_its_start(
    refilled: list[str], ingest_site: IngestSite
) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    ingest_site.ingest_asterisk(cdr)
    write_lines(cdr, refilled)
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == len(
        [line for line in refilled if line in MORE]
    )
    assert len(list_cdrs(ingest_site)) == len({*LINES, *refilled})
    assert is_empty_run(ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0"))


def test_a_rewritten_file_with_an_equal_header_is_read_from_its_start_even_if_it_is_longer(
    ingest_site: IngestSite,
) -> None:
    names = "accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,billsec,"
    header = names + "disposition,amaflags,uniqueid,userfield,peeraccount,linkedid,sequence\n"
    cdr = ingest_site.write_file("Master.csv", header + "".join(LINES[:2]))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 2
    write_lines(cdr, [header, *MORE])
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3


def test_lines_in_a_copy_or_in_other_columns_are_duplicates(ingest_site: IngestSite) -> None:
    ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", "".join(LINES)))
    assert is_empty_run(ingest_site.ingest_asterisk(ingest_site.write_file("copy/of/it.csv", "".join(LINES))))
    names = [
        "start",
        "disposition",
        "uniqueid",
        "linkedid",
        "sequence",
        "src",
        "dst",
        "dcontext",
        "channel",
        "dstchannel",
    ]
    names += ["lastapp", "lastdata", "answer", "end", "duration", "billsec"]
    usual = "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec"
    usual += " disposition amaflags uniqueid userfield peeraccount linkedid sequence"
    rows = [dict(zip(usual.split(), row, strict=True)) for row in csv.reader(LINES)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    assert is_empty_run(ingest_site.ingest_asterisk(ingest_site.write_file("other.csv", text.getvalue())))


def test_a_last_line_without_a_line_end_is_ingested_and_read_again_when_it_has_grown(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", LINES[0] + LINES[1].rstrip("\n"))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 2
    write_lines(cdr, [LINES[0], LINES[1].rstrip("\n")[:40]])
    assert [
        rejection["line"] for rejection in ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["refused"]
    ] == [2]
    write_lines(cdr, [LINES[0], LINES[2]])
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 1


def test_a_line_that_was_cut_where_a_run_ended_is_not_lost(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", LINES[0] + LINES[1][:60])
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 1
    write_lines(cdr, LINES)
    assert ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 4


def test_the_second_run_adds_only_what_was_written_since_the_first(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    ingest_site.write_recording("1705311042.1.wav", make_wav(1))
    ingest_site.ingest_asterisk(cdr)
    write_lines(cdr, LINES + MORE)
    ingest_site.write_recording("1705311042.6.wav", make_wav(6))
    added = ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")
    assert (added["cdrs"], added["recordings"], added["known"]) == (3, 1, 0)


def test_two_parallel_runs_ingest_each_line_and_file_once(each_ingest_site: IngestSite) -> None:
    lines = [build_cdr_line(f"1705311042.{number}", sequence=number) for number in range(600)]
    log = "".join(f"170531{number:04d}|NONE|NONE|PJSIP/1001|PAUSE|\n" for number in range(50))
    cdr = each_ingest_site.write_file("Master.csv", "".join(lines))
    for number in range(40):
        each_ingest_site.write_recording(f"1705311042.{number}.wav", make_wav(number))
    command = each_ingest_site.build_command(
        "asterisk", "--cdr", cdr, "--queue-log", each_ingest_site.write_file("queue_log", log)
    )
    results = [done.json for done in run_in_parallel([command] * 2, settings=each_ingest_site.environment)]
    assert [sum(result[name] for result in results) for name in ("cdrs", "recordings", "agent_operations")] == [
        600,
        40,
        50,
    ]
    check = each_ingest_site.check_blobs()
    assert check.pop("whole") == 40
    assert not any(check.values())


def test_a_watch_reads_an_index_again_when_a_reread_is_requested(each_ingest_site: IngestSite) -> None:
    file = each_ingest_site.write_file("call.csv", f"{CALL_ROW}\n{CALL_ROW.replace('acme', 'elsewhere')}\n")
    node = each_ingest_site.node
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, AK)
        accounts, vdns = tenants.get_accounts(connection, app), tenants.list_vdns(connection, app)
    by_id = {vdn.vdn_id: vdn for vdn in vdns}
    export = CcfsSource(app=app, accounts=accounts, vdns=by_id, sources=[file], recordings=None)
    run = IngestRun(
        database=node.database,
        primary_location=node.primary_location,
        settings=node.settings,
        now=utc_now,
        is_watching=True,
    )

    def run_pass() -> tuple[int, int, int]:
        ingest(run, export)
        return run.result.cdrs, run.result.duplicates, run.result.rejected_count

    assert [run_pass(), run_pass()] == [(1, 0, 1), (1, 0, 1)]  # unchanged, so the second pass does not read it
    with node.database.write_transaction() as connection:
        assert ingest_state.request_reread(connection, app, str(file), utc_now()) == (True, 1)
    assert [run_pass(), run_pass()] == [(1, 1, 2), (1, 1, 2)]

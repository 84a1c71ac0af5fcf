"""Running ingest again changes nothing: not a row, not a byte; whatever became of the switch's files meanwhile."""

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.tenant import ingest_reread
from ccfs.demo.switch import write_day
from ccfs.ingest.ccfs import CcfsSource
from ccfs.ingest.ccfs import ingest as take_in
from ccfs.ingest.context import IngestRun
from ccfs.server.node import utc_now
from tests.cli.command import together
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, RECORD_ROW, SKILL_ROW
from tests.work.ingest.given import AK, FREESWITCH, OLD, Place, line, sound

ADDED = ("cdrs", "recordings", "agent_operations", "skill_changes", "voice_files", "refused_count")
LINES = [line(f"1705311042.{number}", sequence=number) for number in range(5)]
MORE = [line(f"1705311042.{number}", sequence=number) for number in range(5, 8)]


def nothing(added: dict[str, Any]) -> bool:
    """Whether a run says that it added nothing."""
    return not any(added[name] for name in ADDED) and added["refused"] == added["missing"] == []


def asterisk(place: Place) -> Callable[[], Any]:
    """A day of calls with a damaged line, a recording without a call, one that is no audio, and one that never came."""
    day = write_day(place.switch, day=date(2024, 1, 15), zone="Europe/London", language="en", calls=12, seed=3)
    with open(day.cdr, "a") as file:
        file.write("nonsense\n" + line(userfield="never.wav") + line("1705311043.1", userfield="text.wav").rstrip("\n"))
    place.record("1700000000.1.wav", sound(1))
    place.record("text.wav", b"no audio")
    return lambda: place.asterisk(day.cdr, "--queue-log", day.queue_log)


def freeswitch(place: Place) -> Callable[[], Any]:
    """Every sample, and a damaged document."""
    for sample in FREESWITCH.glob("*.*"):
        if sample.suffix != ".md":
            place.leave(f"cdr/{sample.name}", sample.read_bytes())
    place.leave("cdr/damaged.json", "{")
    place.record("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav", sound(1))
    return lambda: place.freeswitch(place.switch / "cdr")


def export(place: Place) -> Callable[[], Any]:
    """Index files of each kind, with a damaged and a foreign row; one recording is there, and a voice message."""
    place.leave("call.csv", f"{CALL_ROW}\n{CALL_ROW.replace('acme', 'elsewhere')}\n")
    place.leave(
        "record.csv", f"{RECORD_ROW}\n{RECORD_ROW.replace('0903379', '0903380').replace('2043295', '2043296')}\n"
    )
    place.leave("opr.csv", f"{OPR_ROW}\n{OPR_ROW.replace('2018-09-03 09:00:00', 'noon')}\n")
    place.leave("skill.csv", SKILL_ROW)
    place.record("X/17/0/20180903/15470/2043295.V3", sound(1))
    place.record("Y/17/record/20201015/x.wav", sound(2))
    return lambda: place.export(place.switch, "--recordings", place.recordings)


@pytest.mark.parametrize("leave", [asterisk, freeswitch, export])
def test_a_second_run_changes_no_row_and_no_byte(
    leave: Callable[[Place], Callable[[], Any]], each_place: Place
) -> None:
    ingest = leave(each_place)
    first = ingest()
    assert first["cdrs"]
    assert first["recordings"]
    assert first["refused"]
    before = each_place.whole()
    assert nothing(ingest())
    assert each_place.whole() == before
    check = each_place.check()
    assert check.pop("whole") == first["recordings"] + first["voice_files"]
    assert not any(check.values())


def cdrs(place: Place) -> list[str]:
    return sorted(place.rows(schema.cdrs, "call_id"))


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(lines))


def test_a_rotated_file_is_read_to_its_end_before_the_new_one(place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES[:3]))
    assert place.asterisk(cdr)["cdrs"] == 3
    write(cdr, LINES)  # lines that no run has seen yet
    cdr.rename(place.switch / "Master.csv.1")
    write(cdr, MORE[:1])
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3
    before = place.whole()
    assert nothing(place.asterisk(cdr, CCFS_SETTLE_SECONDS="0"))
    assert place.whole() == before
    assert len(set(cdrs(place))) == 6


def test_a_file_that_was_rotated_twice_since_the_last_run_is_read_whole(place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES[:2]))
    place.leave("Master.csv.gz", b"not lines")
    assert place.asterisk(cdr)["cdrs"] == 2
    place.leave("Master.csv.2", "".join(LINES[:3]), OLD + 1)
    place.leave("Master.csv.1", "".join(LINES[3:]), OLD + 2)
    cdr = place.leave("Master.csv", "".join(MORE))
    assert place.asterisk(cdr)["cdrs"] == 6
    assert nothing(place.asterisk(cdr))


def test_a_rotated_file_with_no_new_one_yet_is_waited_for(place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES))
    place.asterisk(cdr)
    cdr.rename(place.switch / "Master.csv-20240115")
    write(cdr, [])
    assert nothing(place.asterisk(cdr, CCFS_SETTLE_SECONDS="0"))
    write(cdr, MORE)
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3


@pytest.mark.parametrize("refilled", [MORE, MORE + LINES, LINES[:2] + MORE, [], LINES], ids=len)
def test_a_file_that_was_emptied_and_filled_anew_is_read_anew(refilled: list[str], place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES))
    place.asterisk(cdr)
    write(cdr, refilled)
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == len([one for one in refilled if one in MORE])
    assert len(cdrs(place)) == len({*LINES, *refilled})
    assert nothing(place.asterisk(cdr, CCFS_SETTLE_SECONDS="0"))


def test_a_refilled_file_with_the_same_header_is_read_anew_even_if_it_is_longer(place: Place) -> None:
    names = "accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,billsec,"
    header = names + "disposition,amaflags,uniqueid,userfield,peeraccount,linkedid,sequence\n"
    cdr = place.leave("Master.csv", header + "".join(LINES[:2]))
    assert place.asterisk(cdr)["cdrs"] == 2
    write(cdr, [header, *MORE])
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 3


def test_the_same_lines_under_another_name_or_in_other_columns_are_the_same(place: Place) -> None:
    place.asterisk(place.leave("Master.csv", "".join(LINES)))
    assert nothing(place.asterisk(place.leave("copy/of/it.csv", "".join(LINES))))
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
    assert nothing(place.asterisk(place.leave("other.csv", text.getvalue())))


def test_a_last_line_without_its_end_is_taken_in_and_read_again_when_it_has_grown(place: Place) -> None:
    cdr = place.leave("Master.csv", LINES[0] + LINES[1].rstrip("\n"))
    assert place.asterisk(cdr)["cdrs"] == 2
    write(cdr, [LINES[0], LINES[1].rstrip("\n")[:40]])
    assert [one["line"] for one in place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["refused"]] == [2]
    write(cdr, [LINES[0], LINES[2]])
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 1


def test_a_line_that_was_cut_where_a_run_ended_is_not_lost(place: Place) -> None:
    cdr = place.leave("Master.csv", LINES[0] + LINES[1][:60])
    assert place.asterisk(cdr)["cdrs"] == 1
    write(cdr, LINES)
    assert place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 4


def test_what_is_added_between_two_runs_is_all_that_the_second_adds(place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES))
    place.record("1705311042.1.wav", sound(1))
    place.asterisk(cdr)
    write(cdr, LINES + MORE)
    place.record("1705311042.6.wav", sound(6))
    added = place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")
    assert (added["cdrs"], added["recordings"], added["known"]) == (3, 1, 0)


def test_two_runs_at_the_same_moment_take_each_line_and_file_in_once(each_place: Place) -> None:
    lines = [line(f"1705311042.{number}", sequence=number) for number in range(600)]
    log = "".join(f"170531{number:04d}|NONE|NONE|PJSIP/1001|PAUSE|\n" for number in range(50))
    cdr = each_place.leave("Master.csv", "".join(lines))
    for number in range(40):
        each_place.record(f"1705311042.{number}.wav", sound(number))
    command = each_place.command("asterisk", "--cdr", cdr, "--queue-log", each_place.leave("queue_log", log))
    added = [done.json for done in together([command] * 2, settings=each_place.environment)]
    assert [sum(one[name] for one in added) for name in ("cdrs", "recordings", "agent_operations")] == [600, 40, 50]
    check = each_place.check()
    assert check.pop("whole") == 40
    assert not any(check.values())


def test_a_watch_reads_an_index_again_when_somebody_wants_it(each_place: Place) -> None:
    file = each_place.leave("call.csv", f"{CALL_ROW}\n{CALL_ROW.replace('acme', 'elsewhere')}\n")
    node = each_place.node
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

    def passed() -> tuple[int, int, int]:
        take_in(run, export)
        return run.result.cdrs, run.result.duplicates, run.result.rejected_count

    assert [passed(), passed()] == [(1, 0, 1), (1, 0, 1)]  # it is as it was, so the second leaves it alone
    with node.database.write_transaction() as connection:
        assert ingest_reread.request_reread(connection, app, str(file), utc_now()) == (True, 1)
    assert [passed(), passed()] == [(1, 1, 2), (1, 1, 2)]

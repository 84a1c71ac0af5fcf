"""Several runs of ingest over the same files at the same time: what is there in the end is there once, and nothing fails."""

from typing import Any

from ccfs.db import schema
from tests.cli.command import together
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, SKILL_ROW
from tests.work.ingest.given import Place, line, sound

RUNS = 4


def at_once(place: Place, *runs: list[str]) -> list[Any]:
    """What commands added that run at the same time, each in a process of its own."""
    return [done.json for done in together(runs, settings=place.environment)]


def test_index_files_of_many_months_are_taken_in_once(each_place: Place) -> None:
    months = [f"20{year}-{month:02d}-" for year in (16, 17) for month in range(1, 13)]
    calls = [CALL_ROW.replace("2018-09-", month).replace("67110003", str(n)) for n, month in enumerate(months)]
    operations = [OPR_ROW.replace("2018-09-", month) for month in months]
    each_place.leave("call.csv", "\n".join(calls) + "\n")
    each_place.leave("opr.csv", "\n".join(operations[:1]) + "\n")
    each_place.leave("skill.csv", SKILL_ROW)
    done = at_once(each_place, *[each_place.command("ccfs", each_place.switch)] * RUNS)
    assert sum(one["cdrs"] for one in done) == len(months)
    assert sum(one["agent_operations"] for one in done) == 1
    assert sum(one["skill_changes"] for one in done) == 1
    assert len(set(each_place.rows(schema.cdrs, "begin"))) == len(each_place.rows(schema.cdrs)) == len(months)


def test_two_files_with_the_legs_of_the_same_calls_number_them_as_one_would(each_place: Place) -> None:
    calls = [f"1705311042.{number}" for number in range(200)]
    firsts = each_place.leave("first.csv", "".join(line(call, sequence=1) for call in calls))
    seconds = each_place.leave("second.csv", "".join(line(call, leg=f"{call}5", sequence=2) for call in calls))
    for call in calls[:20]:
        each_place.record(f"{call}.wav", sound(int(call[11:])))
    commands = [each_place.command("asterisk", "--cdr", cdr) for cdr in (firsts, seconds)]
    done = at_once(each_place, *commands, *commands)
    assert sum(one["cdrs"] for one in done) == 2 * len(calls)
    assert sorted(each_place.rows(schema.cdrs, "call_id_num")) == [-1] * len(calls) + [1] * len(calls)
    assert nothing_more(each_place, firsts)
    assert len(each_place.rows(schema.recordings)) == 20
    assert each_place.check()["twice"] == each_place.check()["shared"] == each_place.check()["orphans"] == 0


def nothing_more(place: Place, cdr: Any) -> bool:
    place.asterisk(cdr)
    before = place.dump()
    place.asterisk(cdr)
    return place.dump() == before

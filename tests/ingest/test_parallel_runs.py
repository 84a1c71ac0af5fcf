"""Parallel runs of ingest over the same files: every row is stored once, and no run fails."""

from typing import Any

from ccfs.db import schema
from tests.cli.command import run_in_parallel
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, SKILL_ROW

RUN_COUNT = 4


def run_parallel(site: IngestSite, *runs: list[str]) -> list[Any]:
    """Return the results of commands that run in parallel, each in a process of its own."""
    return [done.json for done in run_in_parallel(runs, settings=site.environment)]


def test_index_files_of_many_months_are_ingested_once_by_parallel_runs(each_ingest_site: IngestSite) -> None:
    months = [f"20{year}-{month:02d}-" for year in (16, 17) for month in range(1, 13)]
    calls = [CALL_ROW.replace("2018-09-", month).replace("67110003", str(n)) for n, month in enumerate(months)]
    operations = [OPR_ROW.replace("2018-09-", month) for month in months]
    each_ingest_site.write_file("call.csv", "\n".join(calls) + "\n")
    each_ingest_site.write_file("opr.csv", "\n".join(operations[:1]) + "\n")
    each_ingest_site.write_file("skill.csv", SKILL_ROW)
    results = run_parallel(
        each_ingest_site, *[each_ingest_site.build_command("ccfs", each_ingest_site.switch_folder)] * RUN_COUNT
    )
    assert sum(result["cdrs"] for result in results) == len(months)
    assert sum(result["agent_operations"] for result in results) == 1
    assert sum(result["skill_changes"] for result in results) == 1
    assert (
        len(set(each_ingest_site.read_rows(schema.cdrs, "begin")))
        == len(each_ingest_site.read_rows(schema.cdrs))
        == len(months)
    )


def test_two_files_with_legs_of_the_same_calls_number_them_like_one_file(each_ingest_site: IngestSite) -> None:
    calls = [f"1705311042.{number}" for number in range(200)]
    firsts = each_ingest_site.write_file("first.csv", "".join(build_cdr_line(call, sequence=1) for call in calls))
    seconds = each_ingest_site.write_file(
        "second.csv", "".join(build_cdr_line(call, leg=f"{call}555", sequence=2) for call in calls)
    )
    for call in calls[:20]:
        each_ingest_site.write_recording(f"{call}.wav", make_wav(int(call[11:])))
    commands = [each_ingest_site.build_command("asterisk", "--cdr", cdr) for cdr in (firsts, seconds)]
    results = run_parallel(each_ingest_site, *commands, *commands)
    assert sum(result["cdrs"] for result in results) == 2 * len(calls)
    assert sorted(each_ingest_site.read_rows(schema.cdrs, "call_id_num")) == [-1] * len(calls) + [1] * len(calls)
    assert is_up_to_date(each_ingest_site, firsts)
    assert len(each_ingest_site.read_rows(schema.recordings)) == 20
    assert (
        each_ingest_site.check_blobs()["twice"]
        == each_ingest_site.check_blobs()["shared"]
        == each_ingest_site.check_blobs()["orphans"]
        == 0
    )


def is_up_to_date(site: IngestSite, cdr: Any) -> bool:
    site.ingest_asterisk(cdr)
    before = site.read_tables()
    site.ingest_asterisk(cdr)
    return site.read_tables() == before

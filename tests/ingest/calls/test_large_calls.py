"""Calls with very many lines: a real big one is whole, and the lines of a damaged file cost time that grows with the file."""

import csv
import io
from datetime import UTC, datetime
from time import monotonic, thread_time

import pytest

from ccfs.db import schema
from ccfs.ingest import asterisk, freeswitch
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.calls import large_calls, linked_rows
from ccfs.ingest.files import line_reader
from ccfs.ingest.freeswitch import FreeSwitchSource
from ccfs.ingest.tenants.routers import TenantRouter
from ccfs.switches.tenant_rules import parse_rules
from tests.growth import MAX_RATIO
from tests.ingest.ingest_site import AK, CreateSite, IngestSite, build_cdr_line
from tests.ingest.passes import Passes

CALL, FIRST = "1705311042.118", 1_705_311_042
BIG_CALL = 5000  # lines: a queue that rings twenty phones for an hour
UUID = "aaaaaaaa-1111-4222-8333-{:012d}"
REASON = "call 1705311042-118 has more than {:,} lines, as if the file were damaged; its further lines in this file are not stored"


def format_time(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def build_linked_lines(count: int, first: int = 0) -> str:
    """Return lines of one linkedid: twenty phones of queue 600 ring in vain each second."""
    return "".join(
        build_cdr_line(
            CALL,
            leg=f"{FIRST + number // 20}.{1000 + number}",
            sequence=number + 1,
            start=format_time(FIRST + number // 20),
            end=format_time(FIRST + number // 20 + 10),
            agent=str(1001 + number % 20),
            queue="600",
            disposition="NO ANSWER",
        )
        for number in range(first, first + count)
    )


def build_unlinked_lines(count: int) -> str:
    """Return lines without linkedid that all name one channel."""
    text = io.StringIO()
    for number in range(count):
        start = FIRST + number // 20
        fields = ["", "02079460123", "600", "from-trunk", "02079460123", "PJSIP/trunk-00000001", f"PJSIP/{number:08x}"]
        fields += ["Dial", "x", *map(format_time, (start, start + 3, start + 10)), "10", "7", "ANSWERED", "3"]
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([*fields, f"{start}.{1000 + number}", ""])
    return text.getvalue()


def build_channels(count: int) -> str:
    """Return channels of FreeSWITCH as CSV of COLUMNS; one channel has originated all of them."""
    lines = []
    for number in range(count):
        times = [format_time(FIRST + number // 20 + wait) for wait in (0, 3, 10)]
        ids = [UUID.format(number + 1), UUID.format(0)]
        lines.append(",".join(["02079460123", "1001", "default", *times, "NORMAL_CLEARING", *ids]) + "\n")
    return "".join(lines)


COLUMNS = (
    *("caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp", "end_stamp"),
    *("hangup_cause", "uuid", "originating_leg_uuid"),
)
BUILDERS = {
    "linkedid": ("asterisk", build_linked_lines),
    "shared channel": ("asterisk", build_unlinked_lines),
    "originator": ("freeswitch", build_channels),
}


def measure_pass(site: IngestSite, switch: str, text: str) -> tuple[float, Passes]:
    """Return the seconds of CPU of one pass over a CDR file."""
    cdr, passes = site.write_file("Master.csv", text), Passes(site)
    begin = thread_time()
    if switch == "asterisk":
        passes.pass_asterisk(cdr)
    else:
        source = FreeSwitchSource(cdr=cdr, zone="UTC", columns=COLUMNS)
        freeswitch.ingest(passes.run, passes.owner, source)
    return thread_time() - begin, passes


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit that small files reach, in lines, and small batches."""
    for module in (large_calls, linked_rows):
        monkeypatch.setattr(module, "MAX_CALL_LEGS", 300)
    monkeypatch.setattr(line_reader, "BATCH_LINES", 100)
    return 300


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_the_time_of_a_file_with_one_id_grows_with_its_lines(
    kind: str, create_site: CreateSite, low_limit: int
) -> None:
    switch, build = BUILDERS[kind]
    measure_pass(create_site(), switch, build(200))  # what the first pass of a process costs
    short, _ = measure_pass(create_site(), switch, build(1000))
    long, passes = measure_pass(create_site(), switch, build(4000))
    assert long < MAX_RATIO * short
    result = passes.run.result
    if kind == "shared channel":  # all lines are stored, but not all as one call
        assert (result.cdrs, result.rejected) == (4000, [])
    else:
        assert result.cdrs == low_limit + 100
        assert len(result.rejected) == 1


def test_lines_beyond_the_limit_are_rejected_once_and_others_are_stored(
    each_ingest_site: IngestSite, low_limit: int
) -> None:
    site, other = each_ingest_site, build_cdr_line("1705311042.9", sequence=99_999)
    cdr, passes = site.write_file("Master.csv", build_linked_lines(700) + other), Passes(site)
    passes.pass_asterisk(cdr)
    assert passes.run.result.cdrs == low_limit + 100 + 1
    rejections = [(one.file, one.line, one.reason) for one in passes.run.result.rejected]
    assert rejections == [(str(cdr), 0, REASON.format(low_limit))]
    before = site.read_everything()
    with cdr.open("a") as file:
        file.write(build_linked_lines(200, first=700))
    passes.pass_asterisk(cdr)
    assert len(passes.run.result.rejected) == 1
    assert site.read_rows(schema.cdrs) == before[0]["cdrs"]
    assert REASON.format(low_limit) in site.list_rejected("--app", AK)


def test_lines_beyond_the_limit_are_rejected_where_rules_assign_them(ingest_site: IngestSite, low_limit: int) -> None:
    cdr, passes = ingest_site.write_file("Master.csv", build_linked_lines(700)), Passes(ingest_site)
    rules = parse_rules("context,from-trunk,,acme,17\n")
    router = TenantRouter(rules=rules, owners={rules.rules[0].line: passes.owner})
    asterisk.ingest(passes.run, passes.owner, AsteriskSource(cdr=cdr, router=router))
    assert passes.run.result.cdrs == low_limit + 100
    assert [one.reason for one in passes.run.result.rejected] == [REASON.format(low_limit)]
    assert ingest_site.read_rows(schema.unassigned_records) == []


def test_a_queue_that_rings_twenty_phones_for_an_hour_is_one_whole_call(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_linked_lines(BIG_CALL))
    begin = monotonic()
    result = ingest_site.ingest_asterisk(cdr)
    assert (result["cdrs"], result["refused"]) == (BIG_CALL, [])
    assert monotonic() - begin < 60  # seconds
    assert set(ingest_site.read_rows(schema.cdrs, "call_id")) == {"1705311042-118"}
    assert sorted(ingest_site.read_rows(schema.cdrs, "call_id_num")) == [-1, *range(1, BIG_CALL)]

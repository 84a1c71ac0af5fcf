"""CDRs of FreeSWITCH become equal calls in each format."""

import itertools
from datetime import datetime
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.model.calls.cdr import LAST_LEG, DeviceType
from tests.ingest.ingest_site import FREESWITCH_SAMPLES, CreateSite, IngestSite

TRANSFER_LINES = (FREESWITCH_SAMPLES / "transfer.jsonl").read_text().splitlines(keepends=True)
QUEUE_FILES = ("queue-answered.member.json", "queue-answered.agent.json")


def copy_samples(site: IngestSite, *names: str) -> Path:
    """Return a folder with these samples."""
    for name in names:
        site.write_file(f"cdr/{name}", (FREESWITCH_SAMPLES / name).read_bytes())
    return site.switch_folder / "cdr"


def format_time(instant: datetime | None) -> str:
    return f"{instant:%H:%M:%S}" if instant else ""


def read_call_rows(site: IngestSite) -> list[tuple[object, ...]]:
    """Return rows of calls without what depends on the time of ingest."""
    columns = ("call_id", "call_id_num", "switch_leg_id", "device_type", "agent_id", "begin", "call_begin", "call_end")
    return sorted(site.read_rows(schema.cdrs, *columns), key=str)


def test_both_legs_of_a_queued_call_are_rows_of_one_call(each_ingest_site: IngestSite) -> None:
    assert each_ingest_site.ingest_freeswitch(copy_samples(each_ingest_site, *QUEUE_FILES))["cdrs"] == 2
    columns = ("call_id", "call_id_num", "device_type", "device_no", "agent_id", "current_skill_id", "pre_device_type")
    member, agent = sorted(each_ingest_site.read_rows(schema.cdrs, *columns), key=lambda row: row[1] == LAST_LEG)
    assert member[0] == agent[0]
    assert len(member[0]) == 25
    assert member[1:3] == (1, DeviceType.QUEUE)
    assert agent[1:] == (LAST_LEG, DeviceType.AGENT, 1001, "1001", "support", DeviceType.QUEUE)
    spans = ("wait_begin", "wait_end", "ack_begin", "call_begin", "call_end")
    times = [
        [format_time(row[name]) for name in spans]
        for row in each_ingest_site.read_rows(schema.cdrs, order="call_id_num")
    ]
    assert times[1] == ["13:05:03", "13:05:21", "", "", ""]  # the queue: call_id_num is 1, the agent's is -1
    assert times[0][2:] == ["13:05:12", "13:05:21", "13:05:48"]


@pytest.mark.parametrize("format", ["csv", "json", "xml"])
def test_one_channel_is_the_same_row_in_every_format(format: str, ingest_site: IngestSite) -> None:
    assert (
        ingest_site.ingest_freeswitch(copy_samples(ingest_site, f"same-call.{format}") / f"same-call.{format}")["cdrs"]
        == 1
    )
    for extension in ("csv", "json", "xml"):
        assert ingest_site.ingest_freeswitch(copy_samples(ingest_site, f"same-call.{extension}"))["cdrs"] == 0


def test_a_whole_folder_of_all_formats_is_ingested_in_one_run(each_ingest_site: IngestSite) -> None:
    names = [sample.name for sample in FREESWITCH_SAMPLES.iterdir() if sample.suffix != ".md"]
    added = each_ingest_site.ingest_freeswitch(copy_samples(each_ingest_site, *names))
    assert added["refused"] == []
    assert added["cdrs"] == 2 + 1 + 2 + 3 + 6 + 1
    numbers = each_ingest_site.read_rows(schema.cdrs, "call_id", "call_id_num")
    for _, some in itertools.groupby(sorted(numbers), key=lambda row: row[0]):
        numbers = sorted(number for _, number in some)
        assert numbers == [LAST_LEG, *range(1, len(numbers))]


def test_the_three_channels_of_a_transfer_give_equal_rows_in_any_order(create_site: CreateSite) -> None:
    whole = create_site()
    whole.ingest_freeswitch(whole.write_file("all.jsonl", "".join(TRANSFER_LINES)))
    assert len({row[0] for row in read_call_rows(whole)}) == 1
    for order in (TRANSFER_LINES[::-1], TRANSFER_LINES[1:] + TRANSFER_LINES[:1]):
        site = create_site()
        for text in order:
            cdr = site.write_file("all.jsonl", "")
            cdr.write_text(text)
            site.ingest_freeswitch(cdr, CCFS_SETTLE_SECONDS="0")
        assert read_call_rows(site) == read_call_rows(whole)


@pytest.mark.parametrize(
    "names",
    [QUEUE_FILES, QUEUE_FILES[::-1], ("outbound.xml", "outbound.far.xml"), ("outbound.far.xml", "outbound.xml")],
)
def test_documents_of_one_call_in_two_runs_give_equal_rows(names: tuple[str, str], create_site: CreateSite) -> None:
    whole, site = create_site(), create_site()
    whole.ingest_freeswitch(copy_samples(whole, *names))
    for name in names:
        assert site.ingest_freeswitch(copy_samples(site, name))["cdrs"] == 1
    assert read_call_rows(site) == read_call_rows(whole)


def test_a_damaged_document_is_rejected_and_the_others_are_ingested(ingest_site: IngestSite) -> None:
    folder = copy_samples(ingest_site, "outbound.xml", "queue-abandoned.json")
    damaged = ingest_site.write_file("cdr/cut.xml", (FREESWITCH_SAMPLES / "outbound.xml").read_bytes()[:900])
    ingest_site.write_file("cdr/large.json", b" " * (16 << 20) + b"{}")
    ingest_site.write_file("cdr/empty.json", b"")
    (folder / "pipe.json").symlink_to(folder / "outbound.xml")
    added = ingest_site.ingest_freeswitch(folder)
    assert added["cdrs"] == 2
    assert {Path(rejection["file"]).name for rejection in added["refused"]} >= {damaged.name, "large.json", "pipe.json"}
    assert all(rejection["reason"] for rejection in added["refused"])


def test_bad_lines_of_csv_are_rejected_by_number_and_stored(ingest_site: IngestSite) -> None:
    good = (FREESWITCH_SAMPLES / "same-call.csv").read_text()
    added = ingest_site.ingest_freeswitch(ingest_site.write_file("Master.csv", f"nonsense\n\n{good}more,nonsense\n"))
    assert added["cdrs"] == 1
    assert [rejection["line"] for rejection in added["refused"]] == [1, 4]
    assert ingest_site.read_rows(schema.ingest_errors, "raw") == [b"nonsense\n", b"more,nonsense\n"]


def test_csv_stamps_are_in_the_given_zone(ingest_site: IngestSite) -> None:
    cdr = copy_samples(ingest_site, "master.csv") / "master.csv"
    assert ingest_site.ingest_freeswitch(cdr, "--zone", "Asia/Tokyo")["cdrs"] == 6
    assert min(ingest_site.read_rows(schema.cdrs, "begin")).isoformat() == "2023-10-10T14:43:58+00:00"

"""A check counts, matches and refuses what an ingest of the same files then does."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.calls.test_channel_events import CDRS, EVENTS
from tests.ingest.check.checked_files import check_json
from tests.ingest.ingest_site import ASTERISK_SAMPLES, FREESWITCH_SAMPLES, IngestSite, build_cdr_line, make_wav
from tests.ingest.tenants.tenant_site import run_with_rules, write_rules

AGENTS = "10(?:01|02|03)"


def copy_samples(site: IngestSite, folder: Path) -> Path:
    """Copy a switch's samples, and write recordings: some that they name, one twice, one of no call, one without audio."""
    for file in folder.iterdir():
        if file.suffix != ".md" and file.name != "expected.csv":
            site.write_file(file.name, file.read_bytes())
    return site.switch_folder


def count_results(result: Any) -> tuple[int, int, Counter[str]]:
    return result["recordings"], result["agent_operations"], Counter(one["reason"] for one in result["refused"])


def count_report(switch: Any) -> tuple[int, int, Counter[str]]:
    reasons = Counter({one["reason"]: one["count"] for one in (*switch["rejections"], *switch["unmatched"])})
    return switch["totals"]["recorded"], switch["agent_operations"], reasons


@pytest.mark.parametrize("name", ["plain", "freepbx"])
def test_a_check_of_asterisk_counts_what_ingest_ingests(name: str, ingest_site: IngestSite) -> None:
    site = ingest_site
    folder = copy_samples(site, ASTERISK_SAMPLES / name)
    site.write_recording("2024/pbx-1.lon-1705311042.118.wav", make_wav(1, 169))
    site.write_recording("q-600-02079460140-20240305-110020-1709632800.40.wav", make_wav(2, 100))
    site.write_recording("holiday.wav", make_wav(3))
    site.write_recording("empty-1709632815.43.wav", make_wav(4)[:58])
    [switch] = check_json(folder, "--agents", AGENTS)["switches"]
    result = site.ingest_asterisk(
        folder / "Master.csv", "--queue-log", folder / "queue_log", "--agents", AGENTS, CCFS_SETTLE_SECONDS="0"
    )
    assert (switch["totals"]["rows"], *count_report(switch)) == (result["cdrs"], *count_results(result))
    calls = set(site.read_rows(schema.cdrs, "call_id"))
    assert switch["totals"]["calls"] == len(calls)
    assert {sample["call_id"] for sample in switch["samples"]} == calls


def test_a_check_with_channel_events_finds_what_ingest_finds(ingest_site: IngestSite) -> None:
    site = ingest_site
    cdr = site.write_file("cdr-csv/Master.csv", "".join(CDRS))
    cel = site.write_file("cel-custom/Master.csv", "".join(EVENTS))
    [switch] = check_json(site.switch_folder)["switches"]
    result = site.ingest_asterisk(cdr, "--cel", cel, CCFS_SETTLE_SECONDS="0")
    assert (switch["totals"]["rows"], *count_report(switch)) == (result["cdrs"], *count_results(result))
    rows = site.read_rows(schema.cdrs, "call_id", "call_begin")
    assert switch["totals"]["answered"] == len({call_id for call_id, begin in rows if begin})
    assert switch["agent_operations"] == 1  # the hold that only the channel events show


def test_a_check_with_channel_events_and_tenant_rules_finds_what_ingest_finds(ingest_site: IngestSite) -> None:
    site, rules = ingest_site, "context,*,,acme,17\n"
    cdr = site.write_file("cdr-csv/Master.csv", "".join(CDRS))
    cel = site.write_file("cel-custom/Master.csv", "".join(EVENTS))
    [switch] = check_json(site.switch_folder, "--tenants", write_rules(site, rules))["switches"]
    result = run_with_rules(site, "asterisk", rules, cdr, "--cel", cel)
    assert (switch["totals"]["rows"], *count_report(switch)) == (result["cdrs"], *count_results(result))
    assert switch["agent_operations"] == 1  # the hold that only the channel events show


def test_a_check_of_freeswitch_counts_what_ingest_ingests(ingest_site: IngestSite) -> None:
    site = ingest_site
    for file in FREESWITCH_SAMPLES.iterdir():
        if file.suffix != ".md":
            site.write_file(f"cdr/{file.name}", file.read_bytes())
    site.write_file("cdr/broken.json", "{")
    site.write_recording("12c0b6a3-fb3b-4b51-890a-5e6f7a8b9c08.wav", make_wav(1, 84))
    site.write_recording("nobody.mp3", b"\xff\xfb\x90\x00" + b"\0" * 413)
    [switch] = check_json(site.switch_folder)["switches"]
    result = site.ingest_freeswitch(site.switch_folder / "cdr", CCFS_SETTLE_SECONDS="0")
    assert switch["totals"]["calls"] == len(set(site.read_rows(schema.cdrs, "call_id")))
    assert (switch["totals"]["recorded"], switch["totals"]["rows"]) == (result["recordings"], result["cdrs"])


def test_recordings_of_one_name_in_two_folders_are_refused_alike(ingest_site: IngestSite) -> None:
    site = ingest_site
    cdr = site.write_file("Master.csv", build_cdr_line(userfield="audio:/elsewhere/a.wav"))
    site.write_recording("x/a.wav", make_wav(1, 60))
    site.write_recording("y/a.wav", make_wav(2, 61))
    [switch] = check_json(site.switch_folder)["switches"]
    result = site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")
    assert count_report(switch) == count_results(result)
    assert result["refused_count"] == 2

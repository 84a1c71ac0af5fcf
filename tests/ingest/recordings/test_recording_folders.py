"""Several folders of recordings in one run: what is in none of them is missing, and one that is empty reports nothing."""

from pathlib import Path
from typing import Any

from ccfs.db import schema
from tests.ingest.ingest_site import FREESWITCH_SAMPLES, IngestSite, build_cdr_line, make_wav

CALLS = ("1705311042.118", "1705311042.119", "1705311042.120")
LINES = "".join(build_cdr_line(call, sequence=number, userfield=f"{call}.wav") for number, call in enumerate(CALLS, 1))


def write_archive(site: IngestSite, *names: str) -> Path:
    """Write recordings into a second folder, and return it."""
    for number, name in enumerate(names, 100):
        site.write_file(f"archive/{name}", make_wav(number, 2))
    return site.switch_folder / "archive"


def ingest_both(site: IngestSite, archive: Path) -> Any:
    """Return the result of a pass over the site's own folder of recordings and a second one."""
    return site.ingest_asterisk(site.write_file("Master.csv", LINES), "--recordings", archive)


def test_recordings_of_all_folders_are_stored_and_the_rest_is_missing(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    site.write_recording(f"{CALLS[0]}.wav", make_wav(1, 2))
    added = ingest_both(site, write_archive(site, f"{CALLS[1]}.wav"))
    assert (added["recordings"], added["refused"]) == (2, [])
    assert [one["file"] for one in added["missing"]] == [f"{CALLS[2]}.wav"]
    assert sorted(site.read_rows(schema.recordings, "call_id")) == ["1705311042-118", "1705311042-119"]
    assert ingest_both(site, site.switch_folder / "archive")["missing"] == []


def test_a_folder_that_has_lost_its_files_makes_nothing_missing(ingest_site: IngestSite) -> None:
    site = ingest_site
    archive = write_archive(site, f"{CALLS[0]}.wav", f"{CALLS[1]}.wav")
    site.write_recording("nobodys.wav", make_wav(9))
    assert len(ingest_both(site, archive)["missing"]) == 1
    for file in archive.iterdir():
        file.unlink()
    more = site.write_file("more.csv", build_cdr_line("1705311042.121", userfield="other.wav"))
    added = site.ingest_asterisk(more, "--recordings", archive)
    assert (added["cdrs"], added["missing"]) == (1, [])
    assert [str(archive) in warning for warning in added["warnings"]] == [True]


def test_freeswitch_takes_several_folders(ingest_site: IngestSite) -> None:
    site = ingest_site
    cdr = site.write_file("cdr/master.csv", (FREESWITCH_SAMPLES / "master.csv").read_text())
    uuids = sorted(name for name in _read_uuids(site, cdr))[:2]
    site.write_recording(f"{uuids[0]}.wav", make_wav(1, 2))
    added = site.ingest_freeswitch(cdr, "--recordings", write_archive(site, f"{uuids[1]}.wav"))
    assert (added["recordings"], added["refused"]) == (2, [])


def _read_uuids(site: IngestSite, cdr: Path) -> list[str]:
    site.ingest_freeswitch(cdr)
    return [str(name) for name in site.read_rows(schema.cdrs, "switch_leg_id")]

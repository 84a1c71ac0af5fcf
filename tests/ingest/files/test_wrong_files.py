"""A file passed in the place of another is refused, and the right command still ingests it."""

import pytest

from ccfs.switches.asterisk.cdr_files.zone import list_zones
from tests.ingest.ingest_site import FREESWITCH_SAMPLES, IngestSite, iter_cdr_lines, make_wav

QUEUE_LINE = "1705311042|1705311042.118|600|NONE|ENTERQUEUE||02079460123|1\n"


def test_a_cdr_file_of_asterisk_is_not_lost_by_the_command_for_freeswitch(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("log/Master.csv", "".join(iter_cdr_lines(3)))
    result = ingest_site.run_ingest("freeswitch", "--cdr", cdr)
    assert result.code == 1
    assert "is a CDR file of Asterisk, not a CDR file of FreeSWITCH" in result.err
    assert ingest_site.ingest_freeswitch(cdr.parent)["cdrs"] == 0
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 3


@pytest.mark.parametrize("name", ["queue", "recording", "other switch"])
def test_a_file_that_is_no_queue_log_is_refused_as_one(name: str, ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("log/Master.csv", "".join(iter_cdr_lines(3)))
    other = {
        "queue": cdr,
        "recording": ingest_site.write_recording("a.wav", make_wav(1)),
        "other switch": ingest_site.write_file("fs.csv", (FREESWITCH_SAMPLES / "master.csv").read_bytes()),
    }[name]
    result = ingest_site.run_ingest("asterisk", "--cdr", cdr, "--queue-log", other)
    assert result.code == 1
    assert "not a queue log of Asterisk" in result.err
    log = ingest_site.write_file("log/queue_log", QUEUE_LINE)
    assert ingest_site.ingest_asterisk(cdr, "--queue-log", log)["cdrs"] == 3


def test_zones_of_most_people_come_before_others_alike() -> None:
    zones = list_zones()
    assert zones.index("America/New_York") < zones.index("America/Atikokan")
    assert zones.index("Europe/Moscow") < zones.index("Asia/Aden")

"""CDR exports with times and durations as spreadsheets of other countries write them."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.switches.asterisk.cdr_files import cdr, time_forms
from ccfs.switches.asterisk.cdr_files.time_forms import AMBIGUOUS_DATES, DatedLine
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.records import UnreadableLine

EPOCH = 1_705_311_042  # 2024-01-15 09:30:42 UTC
AMBIGUOUS_EPOCH = 1_707_125_442  # 2024-02-05 09:30:42 UTC
COLUMNS = "calldate,clid,src,dst,channel,dstchannel,lastapp,duration,billsec,disposition,uniqueid,linkedid"
FORMS = [
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y, %H:%M:%S",
    "%d/%m/%y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d 上午 %I:%M:%S",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.250",
]


def build_lines(
    form: str, epoch: int, *, duration: str = "65", billsec: str = "62", unique: bool = True
) -> list[bytes]:
    """Return a header and two lines of calls a day apart, by a clock at UTC."""
    lines = [COLUMNS]
    for number in range(2):
        begin = epoch + number * 86400
        start = datetime.fromtimestamp(begin, UTC).strftime(form)
        unique_id = f"{begin}.{number}" if unique else ""
        values = [start, "", "02079460123", "1001", "SIP/carrier-1", f"SIP/1001-{number}", "Dial", duration, billsec]
        lines.append(";".join(f'"{value}"' for value in [*values, "ANSWERED", unique_id, unique_id]))
    lines[0] = lines[0].replace(",", ";")
    return [f"{line}\n".encode() for line in lines]


def parse(lines: list[bytes]) -> list[cdr_legs.AsteriskLeg]:
    cdr_format = cdr_legs.AsteriskCdrFormat(layout=cdr.detect_layout(lines), zone="UTC")
    return [leg for line in lines if (leg := cdr_legs.parse_leg(line, cdr_format))]


@pytest.mark.parametrize("epoch", [EPOCH, AMBIGUOUS_EPOCH])
@pytest.mark.parametrize("form", FORMS)
def test_times_in_other_forms_give_the_instants_of_the_call(form: str, epoch: int) -> None:
    for number, leg in enumerate(parse(build_lines(form, epoch))):
        begin = datetime.fromtimestamp(epoch + number * 86400, UTC)
        assert leg.begin.replace(microsecond=0) == begin
        assert leg.answer is not None
        assert (leg.answer - leg.begin, leg.end - leg.begin) == (timedelta(seconds=3), timedelta(seconds=65))


@pytest.mark.parametrize("form", FORMS[:10])
def test_a_line_in_another_form_is_the_line_that_asterisk_writes(form: str) -> None:
    own = parse(build_lines("%Y-%m-%d %H:%M:%S", EPOCH))
    assert [leg.source_key for leg in parse(build_lines(form, EPOCH))] == [leg.source_key for leg in own]


@pytest.mark.parametrize(
    ("duration", "billsec"), [("00:01:05", "00:01:02"), ("1:05", "1:02"), ("65,5", "62,5"), ("65.5", "62.5")]
)
def test_durations_in_other_forms_are_seconds(duration: str, billsec: str) -> None:
    leg = parse(build_lines("%d/%m/%Y %H:%M:%S", EPOCH, duration=duration, billsec=billsec))[0]
    assert leg.has_talk
    assert leg.answer is not None
    assert (leg.end - leg.begin).total_seconds() == pytest.approx(65, abs=0.5)
    assert (leg.end - leg.answer).total_seconds() == pytest.approx(62, abs=0.5)


@pytest.mark.parametrize("billsec", ["00:00:00", "0,0", "0"])
def test_a_talk_of_no_seconds_is_none_in_any_form(billsec: str) -> None:
    assert not parse(build_lines("%d/%m/%Y %H:%M:%S", EPOCH, billsec=billsec))[0].has_talk


def test_dates_that_nothing_tells_apart_are_refused() -> None:
    with pytest.raises(UnreadableLine, match="day/month or month/day"):
        cdr.detect_layout(build_lines("%d/%m/%Y %H:%M:%S", AMBIGUOUS_EPOCH, unique=False))
    assert "YYYY-MM-DD" in AMBIGUOUS_DATES


def test_a_day_after_the_twelfth_tells_the_order() -> None:
    lines = build_lines("%m/%d/%Y %H:%M:%S", EPOCH, unique=False)
    assert [leg.begin.day for leg in parse(lines)] == [15, 16]


@pytest.mark.parametrize(
    "text", ["31/02/2024 10:00:00", "15/01/2024", "99/99/9999 99:99:99", "13:00", "15/01/2024 13:00 PM", "1/1/1 1:11"]
)
def test_what_is_no_time_stays_as_it_is(text: str) -> None:
    assert time_forms.convert_time(text, "dmy") == text
    assert time_forms.detect_order([DatedLine(text, None)]) == ""


@pytest.mark.parametrize("text", ["00/00/0000 00:00:00", "0000/00/00 00:00"])
def test_a_date_of_zeros_is_no_time(text: str) -> None:
    assert time_forms.convert_time(text, "dmy") == ""


def test_long_texts_cost_no_time() -> None:
    began = time.process_time()
    for text in ("1" * 100_000, "1/1/2024 " + " " * 100_000 + "1:00", "1:" * 50_000, "1," * 50_000):
        assert not time_forms.is_time(text)
        assert time_forms.convert_duration(text) == text
    assert time.process_time() - began < 1

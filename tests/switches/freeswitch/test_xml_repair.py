"""XML CDRs that are not well-formed lose the offending elements, and nothing more."""

import time

import pytest

from ccfs.switches.freeswitch import RepairNote
from ccfs.switches.freeswitch.formats.xml_repair import describe_repair, repair_xml
from tests.switches.freeswitch.channels import CALLER, make_variables, make_xml
from tests.switches.freeswitch.read_samples import parse_channels, parse_reasons, parse_sample

WHOLE = make_xml(make_variables(destination_number="1001", record_name="a.wav"))


@pytest.mark.parametrize(
    "extra",
    [
        "<limit_usage_acme.example.com_*991>1</limit_usage_acme.example.com_*991>",
        "<limit_rate_+442079460123>1</limit_rate_+442079460123>",
        "<set foo>bar</set foo>",
        "<export nolocal:x=y>1</export nolocal:x=y>",
        "<1001_missed>1</1001_missed>",
        "<sip_h_X-a:b>1</sip_h_X-a:b>",
        "<#>1</#>",
        "<>1</>",
        "<grüße*>1</grüße*><名字 x>1</名字 x>",
        "<a*>1</a*><b*>2</b*><c>3</c>",
        "<note>Ann & Bo</note>",
        "<note>R&D; and &nbsp; and &copy;</note>",
        "<note>a < b</note>",
        "<note>Ann <1001></note>",
        "<note>Ann <ann@example.com> and </b></note>",
        "<note>Ann <Lee></note>",
        "<note>a\x01b\x0bc</note>",
        "<note>a&#1;b&#x1f;c</note>",
        '<note>"</note><set x>"</set x>',
    ],
)
def test_the_rest_of_the_call_is_kept(extra: str) -> None:
    damaged = make_xml(make_variables(destination_number="1001", record_name="a.wav"), extra)
    assert parse_channels(damaged) == parse_channels(WHOLE)
    assert [type(record) for record in parse_sample(damaged)].count(RepairNote) == 1


def test_a_value_with_bare_characters_keeps_its_text() -> None:
    variables = make_variables(caller_id_name='"Ann & Bo" <1001>', destination_number="1001")
    [leg] = parse_channels(make_xml(variables))
    assert (leg.caller_name, leg.caller_no, leg.agent) == ('"Ann & Bo" <1001>', CALLER, "1001")


def test_an_application_whose_data_has_a_bracket_costs_only_itself() -> None:
    log = '<application app_name="set" app_data="a<b" app_stamp="1"></application>'
    log += '<application app_name="record_session" app_data="/r/a.wav" app_stamp="1"></application>'
    [leg] = parse_channels(make_xml(make_variables(), app_log=log))
    assert leg.recordings == ("/r/a.wav",)


def test_a_document_that_was_cut_or_is_too_large_to_repair_stays_unreadable() -> None:
    for damaged in (WHOLE[:300], make_xml(make_variables(), "<a*>" + "1" * (1 << 20) + "</a*>")):
        [(_, reason)] = parse_reasons(damaged)
        assert reason.startswith("is not XML")


def test_what_was_dropped_is_named_without_long_numbers() -> None:
    repaired = repair_xml("<cdr>" + "".join(f"<a*{n}442079460123>1</a*{n}442079460123>" for n in range(7)) + "&</cdr>")
    assert repaired.text == "<cdr>&amp;</cdr>"
    assert (
        describe_repair(repaired)
        == "dropped <a*…>, <a*…>, <a*…>, <a*…>, <a*…> and 2 more; escaped or removed 1 characters"
    )


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a",
        "<a ",
        '<a b="',
        '"',
        "&",
        "</a>",
        "<a*>",
        "<a*>1</a*>",
        "<a><b></a>",
        '<a b="c"',
        "&#",
        " <a  ",
        "\x01",
    ],
)
def test_the_time_of_a_repair_grows_with_the_length(piece: str) -> None:
    def measure(size: int) -> float:
        text = "<cdr>" + piece * (size // len(piece)) + "</cdr>"
        started = time.process_time()
        repair_xml(text)
        return time.process_time() - started

    measure(10_000)
    short, long = min(measure(20_000) for _ in range(3)), min(measure(160_000) for _ in range(3))
    assert long < max(short, 0.005) * 40

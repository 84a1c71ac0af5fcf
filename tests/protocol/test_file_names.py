"""File names of the interface: their shapes, their VDNs, and their one canonical spelling."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.protocol import file_names
from ccfs.settings import Settings

UPLOADS = Settings.model_fields["upload_path_rule"].default
DOWNLOADS = Settings.model_fields["download_path_rule"].default

texts = st.text(st.characters(codec="utf-8"), max_size=60)
odd_names = st.lists(
    st.sampled_from(["Y:", "/", "..", ".", "%2e", "\\", "\0", "39", "record", "3rdfile", "voice", "a.wav"])
).map("".join)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("X:\\17\\0\\20180903\\15470\\2043295.V3", "X:/17/0/20180903/15470/2043295.V3"),
        ("y:/1/0/20181217/120/1524488.V3", "Y:/1/0/20181217/120/1524488.V3"),
        ("/10/1/record/100/13533/0903379.wav", "/10/1/record/100/13533/0903379.wav"),
        ("record", "record"),
        ("", ""),
    ],
)
def test_a_file_name_has_one_canonical_spelling(name: str, canonical: str) -> None:
    assert file_names.canonicalise_name(name) == canonical


@given(texts | odd_names)
def test_a_canonical_file_name_stays_as_it_is(name: str) -> None:
    once = file_names.canonicalise_name(name)
    assert "\\" not in once
    assert file_names.canonicalise_name(once) == once


@pytest.mark.parametrize(
    "name",
    [
        "Y:/1/0/20180399/108/2022318.V3",
        "Y:/1/0/2018-03-09/108/2022318.V3",
        "Y:/1/1/yyyymmdd/108/2022318.V3",
        "Y:/1/0/２０１８０３０９/108/2022318.V3",
        "/0/1/record/AK/13533/20180230/512/2022318.V3",
    ],
)
def test_a_recordings_name_with_an_invalid_date_is_detected(name: str) -> None:
    assert file_names.has_invalid_date(name)


@pytest.mark.parametrize(
    "name",
    [
        "Y:/1/0/20180309/108/2022318.V3",
        "X:/4/0/20180416/512/1629533.V3",
        "/0/1/record/AK/13533/20180228/512/2022318.V3",
        "/10/1/record/100/13533/0903379.wav",  # D0831's example has no date: not found, but not invalid
        "Y:/39/record/20201399/10233946082696733.wav",  # another kind of name
        "nonsense",
    ],
)
def test_other_file_names_have_no_invalid_date(name: str) -> None:
    assert not file_names.has_invalid_date(name)


@pytest.mark.parametrize(
    ("name", "folder", "vdn"),
    [
        ("Y:/39/record/20201015/10233946082696733.wav", "record", 39),
        ("/39/record/20201015/10233946082696733.wav", "record", 39),
        ("Y:/39/message/20201015/10233946082696733.wav", "message", 39),
        ("Y:/39/message/20201015/10233946082696733.wav", "record", None),
        ("Y:/39/record/20201015/sub/1.wav", "record", None),
        ("Y:/39/record/20201015/1.wav\n", "record", None),
        ("Y:/x/record/20201015/1.wav", "record", None),
        ("Y:/39/record/../../etc/passwd", "record", None),
    ],
)
def test_the_name_of_a_voice_message_has_its_vdn(name: str, folder: str, vdn: int | None) -> None:
    assert file_names.parse_ivr_message_vdn(name, folder) == vdn


@pytest.mark.parametrize(
    ("name", "vdn"),
    [
        ("Y:/record/7/odfsrecord/20201015/a.wav", 7),  # the four forms of D0824
        ("Y:/7/odfsrecord/20201015/a.wav", 7),
        ("Y:/record/7/20201015/a.wav", 7),
        ("Y:/7/transferrecord/20201015/a.wav", 7),
        ("Y:/IVR/7/voice/17/yEE2Lh2x_1738761075708.mp3", 17),  # an IVR prompt, as a public client requests it
        ("Y:/7/record/20201015/a.wav", None),
        ("Y:/7/odfsrecord/20201015/b/a.wav", None),
    ],
)
def test_the_name_of_an_intelligent_ivr_recording_has_its_vdn(name: str, vdn: int | None) -> None:
    assert file_names.parse_oiap_record_vdn(name) == vdn


@pytest.mark.parametrize(
    ("name", "vdn"),
    [
        ("Y:/voice/1/IVRrecordFile", 1),
        ("Y:/voice/1/IVRrecordFile/xx.wav", 1),
        ("Y:/3rdfile/53/IVRrecordFile/a/b.wav", 53),
        ("Y:/3rdfile/53/thirdvoicebotfile/8fSsBaEb_1631869974029.wav", 53),
        ("/voice/1/IVRrecordFile/xx.wav", 1),
        ("Y:/voice/1/IVRrecordFileX/xx.wav", None),
        ("Y:/voice//IVRrecordFile/xx.wav", None),
        ("Y:/x/voice/1/IVRrecordFile/xx.wav", None),
        ("Y:/voice/1/2/IVRrecordFile/xx.wav", None),
        ("voice/1/IVRrecordFile/xx.wav", None),
    ],
)
def test_a_path_below_a_path_rule_has_its_vdn(name: str, vdn: int | None) -> None:
    assert file_names.vdn_from_path_rules(name, DOWNLOADS) == vdn


def test_a_path_rule_is_matched_literally() -> None:
    assert file_names.vdn_from_path_rules("Y:/a.c/5/x.wav", "/a.c/%VDNNO%/") == 5
    assert file_names.vdn_from_path_rules("Y:/abc/5/x.wav", "/a.c/%VDNNO%/") is None


@given(st.integers(0, 999_999_999), st.text("abcXYZ019", min_size=8, max_size=8), st.integers(0, 2**42))
def test_an_upload_name_follows_the_path_rule(vdn: int, random8: str, now_ms: int) -> None:
    name = file_names.build_upload_name(UPLOADS, vdn, random8, now_ms)
    assert name == f"Y:/3rdfile/{vdn}/thirdvoicebotfile/{random8}_{now_ms}.wav"
    assert file_names.canonicalise_name(name) == name
    assert file_names.vdn_from_path_rules(name, UPLOADS) == vdn
    assert file_names.vdn_from_path_rules(name, DOWNLOADS) == vdn


@given(texts | odd_names)
def test_the_vdn_of_any_file_name_is_a_number_in_it(name: str) -> None:
    vdns = (
        file_names.parse_ivr_message_vdn(name, "record"),
        file_names.parse_oiap_record_vdn(name),
        file_names.vdn_from_path_rules(name, DOWNLOADS),
        file_names.vdn_from_path_rules(name, UPLOADS),
    )
    assert all(vdn is None or vdn in map(int, re.findall(r"\d{1,9}", name)) for vdn in vdns)
    assert isinstance(file_names.has_invalid_date(name), bool)

"""What CC-FS itself wrote, loose or zipped, and the tree of files that it names, goes in as it came."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS
from tests.cli.command import ccfs
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, RECORD_ROW, SKILL_ROW
from tests.work.ingest.given import AK, Place, Prepare, sound

COUNTS = ("cdrs", "recordings", "agent_operations", "skill_changes")
KINDS = {"call": (CALL_COLUMNS, CALL_ROW), "record": (RECORD_COLUMNS, RECORD_ROW)}
KINDS |= {"agentOprInfo": (AGENT_OPR_COLUMNS, OPR_ROW), "agentSkillInfo": (AGENT_SKILL_COLUMNS, SKILL_ROW)}
MEMBERS = {
    f"20180904010203004567_{kind}_1.csv": ",".join(names[: row.count(",") + 1]) + f"\n{row}\n"
    for kind, (names, row) in KINDS.items()
}


def zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def rest(place: Place) -> dict[str, list[dict[str, object]]]:
    """The rows without what only says when and under which number they were kept."""
    passing = ("id", "created_at", "seen_at", "key", "path")
    return {
        name: [{column: value for column, value in row.items() if column not in passing} for row in rows]
        for name, rows in place.dump().items()
        if name in ("cdrs", "recordings", "agent_operations", "agent_skill_changes", "voice_files")
    }


def test_every_kind_of_index_goes_in_loose_or_zipped_with_the_files_that_it_names(
    prepare: Prepare, database_url: str
) -> None:
    loose, packed = prepare(), prepare(database_url)
    for place in (loose, packed):
        place.record("X/17/0/20180903/15470/2043295.V3", sound(1))
    for name, text in MEMBERS.items():
        loose.leave(f"index/{name}", text)
    packed.leave("20180904_0123456789abcdef0123456789abcdef.zip", zipped(MEMBERS))
    for place, source in ((loose, loose.switch / "index"), (packed, next(packed.switch.glob("*.zip")))):
        added = place.export(source, "--recordings", place.recordings)
        assert {name: added[name] for name in COUNTS} == dict.fromkeys(COUNTS, 1)
        assert added["refused"] == []
    assert rest(loose) == rest(packed)
    [row] = packed.rows(schema.recordings)
    assert (row["file_name"], row["original_file_name"]) == (
        "/10/1/record/100/13533/0903379.wav",
        "X:/17/0/20180903/15470/2043295.V3",
    )
    assert packed.files()[row["key"]] == sound(1)
    assert row["call_begin"] == datetime(2018, 9, 3, 19, 43, 29, tzinfo=UTC)  # 20:43:29 in London, in summer


@pytest.mark.parametrize(
    "where",
    [
        "X/17/0/20180903/15470/2043295.V3",
        "x/17/0/20180903/15470/2043295.wav",
        "17/0/20180903/15470/2043295.V3",
        "10/1/record/100/13533/0903379.wav",
        "2043295.V3",
    ],
)
def test_the_file_of_a_row_is_found_wherever_people_put_it(where: str, place: Place) -> None:
    place.record(where, sound(1))
    assert place.export(place.leave("record.csv", RECORD_ROW), "--recordings", place.recordings)["recordings"] == 1


def test_rows_of_a_foreign_account_or_vdn_are_refused_and_the_rest_goes_in(each_place: Place) -> None:
    other = ("account", "add", "--app", AK, "--account", "other", "--vdn", "18")
    assert ccfs(*other, settings=each_place.environment).code == 0
    foreign = [
        CALL_ROW.replace("acme", "elsewhere"),
        CALL_ROW.replace(",17,1,3", ",99,1,3"),
        CALL_ROW.replace("acme", "other"),
    ]
    added = each_place.export(each_place.leave("call.csv", "\n".join([*foreign, CALL_ROW])))
    assert added["cdrs"] == 1
    assert [one["line"] for one in added["refused"]] == [1, 2, 3]
    reasons = [one["reason"] for one in added["refused"]]
    assert reasons == [
        "account elsewhere is unknown",
        "VDN 99 is not of account acme",
        "VDN 17 is not of account other",
    ]


def test_rows_of_another_developer_go_into_the_app_that_takes_them_in(place: Place) -> None:
    assert "DEMOAK0001" in CALL_ROW
    assert place.export(place.leave("call.csv", CALL_ROW))["cdrs"] == 1
    assert place.rows(schema.cdrs, "app") == [1]


def test_a_recording_that_is_not_in_the_tree_is_missing_until_it_comes(place: Place) -> None:
    index = place.leave("record.csv", RECORD_ROW)
    first = place.export(index, "--recordings", place.recordings)
    assert first["missing"] == [{"callId": "1535955869-67110003", "file": "/10/1/record/100/13533/0903379.wav"}]
    place.record("X/17/0/20180903/15470/2043295.V3", sound(1))
    second = place.export(index, "--recordings", place.recordings)
    assert (second["recordings"], second["missing"]) == (1, [])
    listed = ccfs("ingest", "refused", "--app", AK, "--json", settings=place.environment)
    assert listed.json["missing"] == []


def test_rows_that_have_an_original_name_only_get_index_names_of_their_own(place: Place) -> None:
    rows = []
    for number in range(3):
        place.record(f"X/17/0/20180903/15470/204329{number}.V3", sound(number))
        row = RECORD_ROW.replace("2043295", f"204329{number}").replace("/10/1/record/100/13533/0903379.wav", "")
        rows.append(row.replace("-67110003", f"-{number}"))
    rows.append(rows[0].replace(r"\17\0", r"\17\1").replace("-0,", "-9,"))  # would have the first one's index name
    added = place.export(place.leave("record.csv", "\n".join(rows)), "--recordings", place.recordings)
    assert added["recordings"] == 3
    assert sorted(place.rows(schema.recordings, "file_name")) == [
        f"/0/1/record/{AK}/acme/20180903/15470/204329{number}.wav" for number in range(3)
    ]
    [refused] = added["refused"]
    assert (refused["line"], "there is another recording" in refused["reason"]) == (4, True)


VOICE = {
    "Y/17/record/20201015/x.wav": "Y:/17/record/20201015/x.wav",
    "17/record/20201015/y.wav": "Y:/17/record/20201015/y.wav",
    "x/record/17/odfsrecord/20201015/a.wav": "X:/record/17/odfsrecord/20201015/a.wav",
    "Y/17/transferrecord/20201015/b.wav": "Y:/17/transferrecord/20201015/b.wav",
    "Y/3rdfile/17/thirdvoicebotfile/8fSsBaEb_1631869974029.wav": "Y:/3rdfile/17/thirdvoicebotfile/8fSsBaEb_1631869974029.wav",
    "Y/voice/17/IVRrecordFile/greetings/hello.wav": "Y:/voice/17/IVRrecordFile/greetings/hello.wav",
}


def test_files_under_the_paths_of_ivr_flows_become_voice_files(each_place: Place) -> None:
    for number, path in enumerate(VOICE):
        each_place.record(path, sound(number))
    each_place.record("Y/99/record/20201015/x.wav", sound(8))  # of nobody's VDN
    each_place.record("Y/17/0/20180903/15470/2043295.V3", sound(9))  # a recording that no index names
    each_place.record("Y/17/record/20201015/broken.wav", b"no audio")
    index = each_place.leave("call.csv", CALL_ROW)
    added = each_place.export(index, "--recordings", each_place.recordings)
    assert added["voice_files"] == len(VOICE)
    assert [Path(one["file"]).name for one in added["refused"]] == ["broken.wav"]
    kept = dict(each_place.rows(schema.voice_files, "file_name", "key"))
    assert {name: each_place.files()[key] for name, key in kept.items()} == {
        name: sound(number) for number, name in enumerate(VOICE.values())
    }


def test_another_voice_file_under_a_name_that_is_taken_is_refused_and_leaves_no_bytes(place: Place) -> None:
    index = place.leave("call.csv", CALL_ROW)
    place.record("Y/17/record/20201015/x.wav", sound(1))
    place.export(index, "--recordings", place.recordings)
    place.record("Y/17/record/20201015/x.wav", sound(2), modified=1_705_500_000)
    [refused] = place.export(index, "--recordings", place.recordings)["refused"]
    assert refused["reason"] == "there is another voice file Y:/17/record/20201015/x.wav"
    assert list(place.files().values()) == [sound(1)]


def test_a_file_with_a_header_in_any_order_and_bad_rows_is_refused_by_line(place: Place) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*reversed(CALL_COLUMNS)])
    writer.writeheader()
    good = dict(zip(CALL_COLUMNS, CALL_ROW.split(","), strict=True))
    for change in ({}, {"wait_begin": "soon"}, {"call_id": ""}, {"call_id": "1535955869-67110004"}):
        writer.writerow(good | change)
    added = place.export(place.leave("whatever.csv", text.getvalue()))
    assert added["cdrs"] == 2
    assert [(one["line"], one["reason"].partition(":")[0]) for one in added["refused"]] == [
        (3, "wait_begin"),
        (4, "call_id is empty"),
    ]

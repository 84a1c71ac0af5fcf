"""Exports of CC-FS, loose or zipped, and the tree of files that they name are ingested unchanged."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, CreateSite, IngestSite, make_wav
from tests.switches.test_ccfs import CALL_ROW, OPR_ROW, RECORD_ROW, SKILL_ROW

COUNTS = ("cdrs", "recordings", "agent_operations", "skill_changes")
KINDS = {"call": (CALL_COLUMNS, CALL_ROW), "record": (RECORD_COLUMNS, RECORD_ROW)}
KINDS |= {"agentOprInfo": (AGENT_OPR_COLUMNS, OPR_ROW), "agentSkillInfo": (AGENT_SKILL_COLUMNS, SKILL_ROW)}
MEMBERS = {
    f"20180904010203004567_{kind}_1.csv": ",".join(names[: row.count(",") + 1]) + f"\n{row}\n"
    for kind, (names, row) in KINDS.items()
}


def build_zip(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def read_other_rows(site: IngestSite) -> dict[str, list[dict[str, object]]]:
    """Return the rows without their ids and the time when they were stored."""
    passing = ("id", "created_at", "seen_at", "key", "path")
    return {
        name: [{column: value for column, value in row.items() if column not in passing} for row in rows]
        for name, rows in site.read_tables().items()
        if name in ("cdrs", "recordings", "agent_operations", "agent_skill_changes", "voice_files")
    }


def test_every_kind_of_index_is_ingested_loose_or_zipped_with_the_files_that_it_names(
    create_site: CreateSite, database_url: str
) -> None:
    loose, packed = create_site(), create_site(database_url)
    for site in (loose, packed):
        site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(1))
    for name, text in MEMBERS.items():
        loose.write_file(f"index/{name}", text)
    packed.write_file("20180904_0123456789abcdef0123456789abcdef.zip", build_zip(MEMBERS))
    for site, source in ((loose, loose.switch_folder / "index"), (packed, next(packed.switch_folder.glob("*.zip")))):
        added = site.ingest_export(source, "--recordings", site.recordings_folder)
        assert {name: added[name] for name in COUNTS} == dict.fromkeys(COUNTS, 1)
        assert added["refused"] == []
    assert read_other_rows(loose) == read_other_rows(packed)
    [row] = packed.read_rows(schema.recordings)
    assert (row["file_name"], row["original_file_name"]) == (
        "/10/1/record/100/13533/0903379.wav",
        "X:/17/0/20180903/15470/2043295.V3",
    )
    assert packed.read_files()[row["key"]] == make_wav(1)
    assert row["call_begin"] == datetime(2018, 9, 3, 19, 43, 29, tzinfo=UTC)  # 20:43:29 in London, in summer


@pytest.mark.parametrize(
    "path",
    [
        "X/17/0/20180903/15470/2043295.V3",
        "x/17/0/20180903/15470/2043295.wav",
        "17/0/20180903/15470/2043295.V3",
        "10/1/record/100/13533/0903379.wav",
        "2043295.V3",
    ],
)
def test_the_file_of_an_index_row_is_found_in_every_usual_place(path: str, ingest_site: IngestSite) -> None:
    ingest_site.write_recording(path, make_wav(1))
    assert (
        ingest_site.ingest_export(
            ingest_site.write_file("record.csv", RECORD_ROW), "--recordings", ingest_site.recordings_folder
        )["recordings"]
        == 1
    )


def test_rows_of_a_foreign_account_or_vdn_are_rejected_and_the_others_are_ingested(
    each_ingest_site: IngestSite,
) -> None:
    add_account = ("account", "add", "--app", AK, "--account", "other", "--vdn", "18")
    assert run_ccfs(*add_account, settings=each_ingest_site.environment).code == 0
    foreign = [
        CALL_ROW.replace("acme", "elsewhere"),
        CALL_ROW.replace(",17,1,3", ",99,1,3"),
        CALL_ROW.replace("acme", "other"),
    ]
    added = each_ingest_site.ingest_export(each_ingest_site.write_file("call.csv", "\n".join([*foreign, CALL_ROW])))
    assert added["cdrs"] == 1
    assert [rejection["line"] for rejection in added["refused"]] == [1, 2, 3]
    reasons = [rejection["reason"] for rejection in added["refused"]]
    assert reasons == [
        "account elsewhere is unknown",
        "VDN 99 is not of account acme",
        "VDN 17 is not of account other",
    ]


def test_rows_of_another_developer_belong_to_the_app_that_ingests_them(ingest_site: IngestSite) -> None:
    assert "DEMOAK0001" in CALL_ROW
    assert ingest_site.ingest_export(ingest_site.write_file("call.csv", CALL_ROW))["cdrs"] == 1
    assert ingest_site.read_rows(schema.cdrs, "app") == [1]


def test_a_recording_that_is_not_in_the_tree_is_missing_until_it_arrives(ingest_site: IngestSite) -> None:
    index = ingest_site.write_file("record.csv", RECORD_ROW)
    first = ingest_site.ingest_export(index, "--recordings", ingest_site.recordings_folder)
    assert first["missing"] == [{"callId": "1535955869-67110003", "file": "/10/1/record/100/13533/0903379.wav"}]
    ingest_site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(1))
    second = ingest_site.ingest_export(index, "--recordings", ingest_site.recordings_folder)
    assert (second["recordings"], second["missing"]) == (1, [])
    listed = run_ccfs("ingest", "rejected", "--app", AK, "--json", settings=ingest_site.environment)
    assert listed.json["missing"] == []


def test_rows_that_have_only_an_original_name_get_unique_index_names(ingest_site: IngestSite) -> None:
    rows = []
    for number in range(3):
        ingest_site.write_recording(f"X/17/0/20180903/15470/204329{number}.V3", make_wav(number))
        row = RECORD_ROW.replace("2043295", f"204329{number}").replace("/10/1/record/100/13533/0903379.wav", "")
        rows.append(row.replace("-67110003", f"-{number}"))
    rows.append(rows[0].replace(r"\17\0", r"\17\1").replace("-0,", "-9,"))  # would have the first one's index name
    added = ingest_site.ingest_export(
        ingest_site.write_file("record.csv", "\n".join(rows)), "--recordings", ingest_site.recordings_folder
    )
    assert added["recordings"] == 3
    assert sorted(ingest_site.read_rows(schema.recordings, "file_name")) == [
        f"/0/1/record/{AK}/acme/20180903/15470/204329{number}.wav" for number in range(3)
    ]
    [rejection] = added["refused"]
    assert (rejection["line"], "another recording has the name" in rejection["reason"]) == (4, True)


VOICE_NAMES = {
    "Y/17/record/20201015/x.wav": "Y:/17/record/20201015/x.wav",
    "17/record/20201015/y.wav": "Y:/17/record/20201015/y.wav",
    "x/record/17/odfsrecord/20201015/a.wav": "X:/record/17/odfsrecord/20201015/a.wav",
    "Y/17/transferrecord/20201015/b.wav": "Y:/17/transferrecord/20201015/b.wav",
    "Y/3rdfile/17/thirdvoicebotfile/8fSsBaEb_1631869974029.wav": "Y:/3rdfile/17/thirdvoicebotfile/8fSsBaEb_1631869974029.wav",
    "Y/voice/17/IVRrecordFile/greetings/hello.wav": "Y:/voice/17/IVRrecordFile/greetings/hello.wav",
}


def test_files_under_the_paths_of_ivr_flows_become_voice_files(each_ingest_site: IngestSite) -> None:
    for number, path in enumerate(VOICE_NAMES):
        each_ingest_site.write_recording(path, make_wav(number))
    each_ingest_site.write_recording("Y/99/record/20201015/x.wav", make_wav(8))  # a VDN that does not exist
    each_ingest_site.write_recording("Y/17/0/20180903/15470/2043295.V3", make_wav(9))  # a recording that no index names
    each_ingest_site.write_recording("Y/17/record/20201015/broken.wav", b"no audio")
    index = each_ingest_site.write_file("call.csv", CALL_ROW)
    added = each_ingest_site.ingest_export(index, "--recordings", each_ingest_site.recordings_folder)
    assert added["voice_files"] == len(VOICE_NAMES)
    assert [Path(rejection["file"]).name for rejection in added["refused"]] == ["broken.wav"]
    key_by_name = dict(each_ingest_site.read_rows(schema.voice_files, "file_name", "key"))
    assert {name: each_ingest_site.read_files()[key] for name, key in key_by_name.items()} == {
        name: make_wav(number) for number, name in enumerate(VOICE_NAMES.values())
    }


def test_another_voice_file_under_a_used_name_is_rejected_and_leaves_no_bytes(ingest_site: IngestSite) -> None:
    index = ingest_site.write_file("call.csv", CALL_ROW)
    ingest_site.write_recording("Y/17/record/20201015/x.wav", make_wav(1))
    ingest_site.ingest_export(index, "--recordings", ingest_site.recordings_folder)
    ingest_site.write_recording("Y/17/record/20201015/x.wav", make_wav(2), modified=1_705_500_000)
    [rejection] = ingest_site.ingest_export(index, "--recordings", ingest_site.recordings_folder)["refused"]
    assert rejection["reason"] == "another voice file has the name Y:/17/record/20201015/x.wav"
    assert list(ingest_site.read_files().values()) == [make_wav(1)]


def test_bad_rows_of_a_file_with_a_header_in_any_order_are_rejected_by_line(ingest_site: IngestSite) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*reversed(CALL_COLUMNS)])
    writer.writeheader()
    good = dict(zip(CALL_COLUMNS, CALL_ROW.split(","), strict=True))
    for change in ({}, {"wait_begin": "soon"}, {"call_id": ""}, {"call_id": "1535955869-67110004"}):
        writer.writerow(good | change)
    added = ingest_site.ingest_export(ingest_site.write_file("whatever.csv", text.getvalue()))
    assert added["cdrs"] == 2
    assert [(rejection["line"], rejection["reason"].partition(":")[0]) for rejection in added["refused"]] == [
        (3, "wait_begin"),
        (4, "call_id is empty"),
    ]

"""Voice files: what may be uploaded, where it lies, how it is fetched by folder, hashed and deleted."""

import base64
import hashlib
from typing import Any

import pytest

from ccfs.db.tenant import voice_files
from ccfs.model.recordings import wav
from tests.cast import COMMON_VDN, Cast, Member, a_law, keep_voice_file
from tests.web.callers import Caller, Reply


def sound(tag: int = wav.A_LAW, rate: int = 8000, channels: int = 1, bits: int = 8, size: int = 800) -> bytes:
    """A WAV of that format."""
    return wav.build_header(tag=tag, rate=rate, channels=channels, bits=bits, data_size=size) + bytes(size + size % 2)


def upload(caller: Caller, vdn: object, data: bytes | str, **more: Any) -> Reply:
    """Upload bytes, or a text that should be base64."""
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return caller.ask(f"ivr/uploadFile?vdnId={vdn}", {"data": text, **more})


def stored(member: Member, caller: Caller) -> int:
    """How many files the app has in its upload folder, or two if more."""
    with caller.server.node.database.read_transaction() as connection:
        return len(voice_files.find_in_folder(connection, member.app, f"Y:/3rdfile/{COMMON_VDN}/thirdvoicebotfile"))


@pytest.mark.parametrize("tag", [wav.PCM, wav.A_LAW, wav.MU_LAW])
def test_a_voice_file_is_kept_as_it_was_sent(acme: Caller, cast: Cast, tag: int) -> None:
    data = sound(tag)
    reply = upload(acme, cast.acme.vdn, data, unknown="ignored")
    assert reply.json["resultData"]["locationId"] == ["0"]
    name = reply.json["resultData"]["fileName"]
    assert acme.ask("ivr/downloadFile", {"filePath": name}).body == data
    hashed = acme.ask("ivr/getFileHash", {"fileName": name})
    assert hashed.json["resultData"]["hash"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sound(rate=16000), "16000 Hz, not 8000 Hz"),
        (sound(channels=2), "2 channels, not mono"),
        (sound(wav.PCM, bits=16), "16 bits per sample, not 8"),
        (sound(size=0), "no audio after the header"),
        (b"RIFF\0\0\0\0AVI LIST", "no RIFF/WAVE header"),
        (b"#!/bin/sh\nrm -rf /", "no RIFF/WAVE header"),
        (b"<html><script>alert(1)</script>", "no RIFF/WAVE header"),
        (b"PK\3\4", "no RIFF/WAVE header"),
        (b"", None),
    ],
)
def test_what_is_no_such_sound_is_refused(acme: Caller, cast: Cast, data: bytes, reason: str | None) -> None:
    reply = upload(acme, COMMON_VDN, data)
    expected = ("0300002", "The value of data cannot be an empty string.")
    if reason:
        expected = ("0390002", f"The audio is not an 8-bit, 8000 Hz, mono WAV: {reason}.")
    assert (reply.code, reply.json["resultDesc"], reply.json["resultData"]) == (*expected, "")
    assert stored(cast.acme, acme) == 0


@pytest.mark.parametrize("text", ["no base64!", "UklGRg", "====", "ÄÖÜ", "UklGRg==\0", "-_-_"])
def test_what_is_no_base64_has_a_wrong_format(acme: Caller, cast: Cast, text: str) -> None:
    reply = upload(acme, cast.acme.vdn, text)
    assert (reply.code, reply.json["resultDesc"]) == ("0300004", "The format of data is incorrect.")


def test_base64_may_be_broken_into_lines(acme: Caller, cast: Cast) -> None:
    assert upload(acme, cast.acme.vdn, base64.encodebytes(sound()).decode()).code == "0"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "0300001"),
        ("?vdnId=", "0300001"),
        ("?vdnId=x", "0300004"),
        ("?vdnId=-4", "0300004"),
        ("?vdnid=4", "0300001"),
    ],
)
def test_an_upload_needs_a_vdn(acme: Caller, query: str, code: str) -> None:
    reply = acme.ask(f"ivr/uploadFile{query}", {"data": base64.b64encode(sound()).decode()})
    assert reply.code == code
    assert "vdnId" in reply.json["resultDesc"]


def test_every_upload_has_a_name_of_its_own(acme: Caller, cast: Cast) -> None:
    names = {upload(acme, cast.acme.vdn, sound()).json["resultData"]["fileName"] for _ in range(5)}
    assert len(names) == 5


def test_a_folder_gives_its_only_file(acme: Caller, cast: Cast) -> None:
    member = cast.acme
    for folder in (member.lonely_folder, member.lonely_folder + "/", member.lonely_folder.replace("/", "\\")):
        reply = acme.ask("ivr/downloadFile", {"filePath": folder, "mode": 1})
        assert reply.body == member.audio[member.lonely]
        assert reply.headers["content-disposition"] == 'attachment; filename="hello.wav"'


@pytest.mark.parametrize("mode", [None, 0, 2, ""])
def test_a_folder_is_no_file_without_mode_1(acme: Caller, cast: Cast, mode: object) -> None:
    assert acme.ask("ivr/downloadFile", {"filePath": cast.acme.lonely_folder, "mode": mode}).code == "0300011"


def test_a_folder_of_several_files_or_none_gives_none(acme: Caller, cast: Cast) -> None:
    several = acme.ask("ivr/downloadFile", {"filePath": cast.acme.crowd, "mode": 1})
    none = acme.ask("ivr/downloadFile", {"filePath": f"{cast.acme.crowd}/a.wav", "mode": 1})
    above = acme.ask("ivr/downloadFile", {"filePath": cast.acme.crowd.rpartition("/")[0], "mode": 1})
    assert several.json["resultDesc"] == "The folder does not hold exactly one file."
    assert several.body == none.body == above.body


def test_a_file_that_is_deleted_leaves_its_folder(acme: Caller, cast: Cast) -> None:
    folder = f"Y:/3rdfile/{cast.acme.vdn}/thirdvoicebotfile/once"
    for name in "ab":
        keep_voice_file(acme.server.node, cast.acme.app, a_law(ord(name)), cast.acme.vdn, f"{folder}/{name}.wav")
    assert acme.ask("ivr/downloadFile", {"filePath": folder, "mode": 1}).code == "0390004"
    assert acme.ask("ivr/deleteFile", {"fileName": f"{folder}/a.wav"}).code == "0"
    assert acme.ask("ivr/downloadFile", {"filePath": folder, "mode": 1}).body == a_law(ord("b"))
    assert acme.ask("ivr/downloadFile", {"filePath": f"{folder}/a.wav"}).code == "0300011"


def test_the_bytes_of_a_deleted_file_are_gone(acme: Caller, cast: Cast) -> None:
    name = upload(acme, cast.acme.vdn, sound(size=4321)).json["resultData"]["fileName"]
    folder = acme.server.node.settings.data / "files"
    held = [path for path in folder.rglob("*.wav") if path.stat().st_size == len(sound(size=4321))]
    assert len(held) == 1
    assert acme.ask("ivr/deleteFile", {"fileName": name}).code == "0"
    assert not held[0].exists()


@pytest.mark.parametrize("location", ["0", 0, "", None])
def test_a_file_is_found_at_its_location_or_at_any(acme: Caller, cast: Cast, location: object) -> None:
    assert acme.ask("ivr/getFileHash", {"fileName": cast.acme.upload, "locationId": location}).code == "0"


@pytest.mark.parametrize(
    ("location", "code"), [("256", "0300011"), (1, "0300011"), ("x", "0300004"), ("0/..", "0300004")]
)
def test_a_file_is_not_found_elsewhere(acme: Caller, cast: Cast, location: object, code: str) -> None:
    ask = {"fileName": cast.acme.upload, "locationId": location}
    assert acme.ask("ivr/deleteFile", ask).code == code
    assert acme.ask("ivr/getFileHash", ask).code == code
    assert acme.ask("ivr/downloadFile", {"filePath": cast.acme.upload}).status == 200


def test_only_uploads_can_be_deleted(acme: Caller, cast: Cast) -> None:
    for name in (cast.acme.message, cast.acme.lonely, cast.acme.one.original_file_name, cast.acme.one.file_name):
        assert acme.ask("ivr/deleteFile", {"fileName": name}).code == "0390003"
    assert acme.ask("downloadIVRRecordFile", {"fileName": cast.acme.message}).status == 200


def test_all_four_forms_of_an_intelligent_ivr_name_are_served(acme: Caller, cast: Cast) -> None:
    for name in cast.acme.oiap:
        assert acme.ask("downloadOiapRecord?locationId=0", {"fileName": name}).body == cast.acme.audio[name]
        assert acme.ask("downloadIVRRecordFile", {"fileName": name}).code == "0300011"


@pytest.mark.parametrize(("query", "code"), [("x", "0300004"), ("-1", "0300004"), ("1", "0300011"), ("00", None)])
def test_a_location_is_a_number(acme: Caller, cast: Cast, query: str, code: str | None) -> None:
    reply = acme.ask(f"downloadIVRRecordFile?locationId={query}", {"fileName": cast.acme.message})
    assert reply.body == cast.acme.audio[cast.acme.message] if code is None else reply.code == code

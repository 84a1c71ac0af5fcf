"""Voice files: valid uploads, their names and locations, downloads by folder, hashes, deletion."""

import base64
import hashlib
from typing import Any

import pytest

from ccfs.db.tenant import voice_files
from ccfs.model.recordings import wav
from tests.api.api_client import ApiClient, Reply
from tests.two_tenants import COMMON_VDN, Tenant, TwoTenants, add_voice_file, make_a_law_wav


def make_wav(tag: int = wav.A_LAW, rate: int = 8000, channels: int = 1, bits: int = 8, size: int = 800) -> bytes:
    """Return a WAV of that format."""
    return wav.build_header(tag=tag, rate=rate, channels=channels, bits=bits, data_size=size) + bytes(size + size % 2)


def upload_file(client: ApiClient, vdn: object, data: bytes | str, **more: Any) -> Reply:
    """Upload bytes, or a text that should be base64."""
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return client.request(f"ivr/uploadFile?vdnId={vdn}", {"data": text, **more})


def count_uploads(member: Tenant, client: ApiClient) -> int:
    """Return the number of files in the app's upload folder, at most two."""
    with client.server.node.database.read_transaction() as connection:
        return len(voice_files.find_in_folder(connection, member.app, f"Y:/3rdfile/{COMMON_VDN}/thirdvoicebotfile"))


@pytest.mark.parametrize("tag", [wav.PCM, wav.A_LAW, wav.MU_LAW])
def test_a_voice_file_is_stored_as_uploaded(acme_client: ApiClient, tenant_pair: TwoTenants, tag: int) -> None:
    data = make_wav(tag)
    reply = upload_file(acme_client, tenant_pair.acme.vdn, data, unknown="ignored")
    assert reply.json["resultData"]["locationId"] == ["0"]
    name = reply.json["resultData"]["fileName"]
    assert acme_client.request("ivr/downloadFile", {"filePath": name}).body == data
    hashed = acme_client.request("ivr/getFileHash", {"fileName": name})
    assert hashed.json["resultData"]["hash"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_wav(rate=16000), "16000 Hz, not 8000 Hz"),
        (make_wav(channels=2), "2 channels, not mono"),
        (make_wav(wav.PCM, bits=16), "16 bits per sample, not 8"),
        (make_wav(size=0), "no audio after the header"),
        (b"RIFF\0\0\0\0AVI LIST", "no RIFF/WAVE header"),
        (b"#!/bin/sh\nrm -rf /", "no RIFF/WAVE header"),
        (b"<html><script>alert(1)</script>", "no RIFF/WAVE header"),
        (b"PK\3\4", "no RIFF/WAVE header"),
        (b"", None),
    ],
)
def test_an_upload_of_another_audio_format_is_rejected(
    acme_client: ApiClient, tenant_pair: TwoTenants, data: bytes, reason: str | None
) -> None:
    reply = upload_file(acme_client, COMMON_VDN, data)
    expected = ("0300002", "The value of data cannot be an empty string.")
    if reason:
        expected = ("0390002", f"The audio is not an 8-bit, 8000 Hz, mono WAV: {reason}.")
    assert (reply.result_code, reply.json["resultDesc"], reply.json["resultData"]) == (*expected, "")
    assert count_uploads(tenant_pair.acme, acme_client) == 0


@pytest.mark.parametrize("text", ["no base64!", "UklGRg", "====", "ÄÖÜ", "UklGRg==\0", "-_-_"])
def test_an_upload_of_invalid_base64_has_an_invalid_format(
    acme_client: ApiClient, tenant_pair: TwoTenants, text: str
) -> None:
    reply = upload_file(acme_client, tenant_pair.acme.vdn, text)
    assert (reply.result_code, reply.json["resultDesc"]) == ("0300004", "The format of data is incorrect.")


def test_base64_of_an_upload_may_have_line_breaks(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    assert upload_file(acme_client, tenant_pair.acme.vdn, base64.encodebytes(make_wav()).decode()).result_code == "0"


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
def test_an_upload_needs_a_vdn(acme_client: ApiClient, query: str, code: str) -> None:
    reply = acme_client.request(f"ivr/uploadFile{query}", {"data": base64.b64encode(make_wav()).decode()})
    assert reply.result_code == code
    assert "vdnId" in reply.json["resultDesc"]


def test_every_upload_has_a_name_of_its_own(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    names = {
        upload_file(acme_client, tenant_pair.acme.vdn, make_wav()).json["resultData"]["fileName"] for _ in range(5)
    }
    assert len(names) == 5


def test_a_folder_gives_its_only_file(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    member = tenant_pair.acme
    for folder in (
        member.single_file_folder,
        member.single_file_folder + "/",
        member.single_file_folder.replace("/", "\\"),
    ):
        reply = acme_client.request("ivr/downloadFile", {"filePath": folder, "mode": 1})
        assert reply.body == member.audio_by_name[member.single_file]
        assert reply.headers["content-disposition"] == 'attachment; filename="hello.wav"'


@pytest.mark.parametrize("mode", [None, 0, 2, ""])
def test_a_folder_is_not_downloaded_without_mode_1(
    acme_client: ApiClient, tenant_pair: TwoTenants, mode: object
) -> None:
    assert (
        acme_client.request(
            "ivr/downloadFile", {"filePath": tenant_pair.acme.single_file_folder, "mode": mode}
        ).result_code
        == "0300011"
    )


def test_a_folder_of_several_files_or_none_is_rejected(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    several = acme_client.request("ivr/downloadFile", {"filePath": tenant_pair.acme.folder_of_two, "mode": 1})
    none = acme_client.request("ivr/downloadFile", {"filePath": f"{tenant_pair.acme.folder_of_two}/a.wav", "mode": 1})
    above = acme_client.request(
        "ivr/downloadFile", {"filePath": tenant_pair.acme.folder_of_two.rpartition("/")[0], "mode": 1}
    )
    assert several.json["resultDesc"] == "The folder does not hold exactly one file."
    assert several.body == none.body == above.body


def test_a_deleted_file_no_longer_counts_in_its_folder(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    folder = f"Y:/3rdfile/{tenant_pair.acme.vdn}/thirdvoicebotfile/once"
    for name in "ab":
        add_voice_file(
            acme_client.server.node,
            tenant_pair.acme.app,
            make_a_law_wav(ord(name)),
            tenant_pair.acme.vdn,
            f"{folder}/{name}.wav",
        )
    assert acme_client.request("ivr/downloadFile", {"filePath": folder, "mode": 1}).result_code == "0390004"
    assert acme_client.request("ivr/deleteFile", {"fileName": f"{folder}/a.wav"}).result_code == "0"
    assert acme_client.request("ivr/downloadFile", {"filePath": folder, "mode": 1}).body == make_a_law_wav(ord("b"))
    assert acme_client.request("ivr/downloadFile", {"filePath": f"{folder}/a.wav"}).result_code == "0300011"


def test_the_bytes_of_a_deleted_file_are_deleted(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    name = upload_file(acme_client, tenant_pair.acme.vdn, make_wav(size=4321)).json["resultData"]["fileName"]
    folder = acme_client.server.node.settings.data / "files"
    paths = [path for path in folder.rglob("*.wav") if path.stat().st_size == len(make_wav(size=4321))]
    assert len(paths) == 1
    assert acme_client.request("ivr/deleteFile", {"fileName": name}).result_code == "0"
    assert not paths[0].exists()


@pytest.mark.parametrize("location", ["0", 0, "", None])
def test_a_file_is_found_by_its_location_or_without_one(
    acme_client: ApiClient, tenant_pair: TwoTenants, location: object
) -> None:
    assert (
        acme_client.request(
            "ivr/getFileHash", {"fileName": tenant_pair.acme.uploaded_name, "locationId": location}
        ).result_code
        == "0"
    )


@pytest.mark.parametrize(
    ("location", "code"), [("256", "0300011"), (1, "0300011"), ("x", "0300004"), ("0/..", "0300004")]
)
def test_a_file_is_not_found_by_another_location(
    acme_client: ApiClient, tenant_pair: TwoTenants, location: object, code: str
) -> None:
    fields = {"fileName": tenant_pair.acme.uploaded_name, "locationId": location}
    assert acme_client.request("ivr/deleteFile", fields).result_code == code
    assert acme_client.request("ivr/getFileHash", fields).result_code == code
    assert acme_client.request("ivr/downloadFile", {"filePath": tenant_pair.acme.uploaded_name}).status == 200


def test_only_uploads_can_be_deleted(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    for name in (
        tenant_pair.acme.voice_message,
        tenant_pair.acme.single_file,
        tenant_pair.acme.only_recording.original_file_name,
        tenant_pair.acme.only_recording.file_name,
    ):
        assert acme_client.request("ivr/deleteFile", {"fileName": name}).result_code == "0390003"
    assert acme_client.request("downloadIVRRecordFile", {"fileName": tenant_pair.acme.voice_message}).status == 200


def test_all_four_forms_of_an_intelligent_ivr_name_are_served(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    for name in tenant_pair.acme.oiap_names:
        assert (
            acme_client.request("downloadOiapRecord?locationId=0", {"fileName": name}).body
            == tenant_pair.acme.audio_by_name[name]
        )
        assert acme_client.request("downloadIVRRecordFile", {"fileName": name}).result_code == "0300011"


@pytest.mark.parametrize(("query", "code"), [("x", "0300004"), ("-1", "0300004"), ("1", "0300011"), ("00", None)])
def test_a_location_id_must_be_a_number(
    acme_client: ApiClient, tenant_pair: TwoTenants, query: str, code: str | None
) -> None:
    reply = acme_client.request(
        f"downloadIVRRecordFile?locationId={query}", {"fileName": tenant_pair.acme.voice_message}
    )
    assert (
        reply.body == tenant_pair.acme.audio_by_name[tenant_pair.acme.voice_message]
        if code is None
        else reply.result_code == code
    )

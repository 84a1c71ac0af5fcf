"""Annotations of recordings: adding, changing, deleting, searching, valid texts, tags and offsets."""

import re
from urllib.parse import urlencode

import pytest

from ccfs.model.recordings.annotation import MAX_PER_RECORDING, format_offset, parse_offset, parse_tags
from ccfs.model.recordings.recording import Recording
from tests.console.call_centre_data import HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient
from tests.server.ccfs_server import CcfsServer


def get_call_page(client: ConsoleClient, call_centre: CallCentreData, recording: Recording) -> str:
    return client.get(
        "/console/call?" + urlencode({"account": call_centre.account_param, "id": recording.call_id})
    ).body.decode()


def add_annotation(
    client: ConsoleClient, call_centre: CallCentreData, recording: Recording, at: str, text: str, **more: str
) -> int:
    query = urlencode({"account": call_centre.account_param, "name": recording.file_name})
    return client.post(f"/console/annotation?{query}", offset=at, text=text, **more).status


def delete_annotation(
    client: ConsoleClient, call_centre: CallCentreData, recording: Recording, number: str, **more: str
) -> int:
    query = urlencode({"account": call_centre.account_param, "name": recording.file_name})
    return client.post(f"/console/annotation/delete?{query}", annotation=number, **more).status


def find_annotation_ids(page: str) -> list[str]:
    return re.findall(r'<button class="plain bad" name="annotation" value="(\d+)"', page)


def find_annotated_places(page: str) -> list[tuple[str, str, str]]:
    """Return begin and end in milliseconds, and the text of the link, of each annotation."""
    section = page[page.index('id="annotations"') : page.index("data-new")]
    return re.findall(r'data-seek="(\d+)"(?: data-end="(\d+)")?>([^<]*)<', section)


def test_a_listener_adds_annotations_and_deletes_only_her_own(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    lucy, emil, recording = signed_in("lucy"), signed_in("emil"), call_centre.first_recording
    assert add_annotation(lucy, call_centre, recording, "0:01.5", "Greets the caller") == 303
    assert add_annotation(emil, call_centre, recording, "1", "  says\tthe price ") == 303
    page = get_call_page(lucy, call_centre, recording)
    assert find_annotated_places(page) == [("1000", "", "0:01"), ("1500", "", "0:01.5")]
    assert "Greets the caller" in page
    assert "says the price" in page
    [own_id], [other_id] = find_annotation_ids(page), find_annotation_ids(get_call_page(emil, call_centre, recording))
    assert (
        delete_annotation(lucy, call_centre, recording, other_id),
        delete_annotation(lucy, call_centre, call_centre.hostile_recording, own_id),
    ) == (404, 404)
    assert (
        delete_annotation(lucy, call_centre, recording, own_id),
        delete_annotation(lucy, call_centre, recording, own_id),
    ) == (
        303,
        404,
    )
    assert (
        delete_annotation(signed_in("anna"), call_centre, recording, other_id) == 303
    )  # an administrator takes any away
    with console_server.node.database.read_transaction() as connection:
        entries = connection.exec_driver_sql(
            "SELECT actor, action, target FROM audit_log WHERE action LIKE 'annotation_%' ORDER BY id"
        )
        name = recording.file_name
        assert [tuple(row) for row in entries] == [
            ("lucy", "annotation_added", f"{name} 0:01.5"),
            ("emil", "annotation_added", f"{name} 0:01"),
            ("lucy", "annotation_deleted", f"{name} 0:01.5 of lucy"),
            ("anna", "annotation_deleted", f"{name} 0:01 of emil"),
        ]


def test_an_annotation_is_shown_as_text(signed_in: SignIn, call_centre: CallCentreData) -> None:
    assert add_annotation(signed_in("lucy"), call_centre, call_centre.hostile_recording, "0:02", HOSTILE_TEXT) == 303
    page = get_call_page(signed_in("lucy"), call_centre, call_centre.hostile_recording)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert HOSTILE_TEXT not in page


@pytest.mark.parametrize(
    ("at", "text"), [("x", "a"), ("", "a"), ("-1", "a"), ("25:00:00", "a"), ("1", " "), ("1", "a" * 501)]
)
def test_an_annotation_without_text_or_offset_or_with_too_much_text_is_rejected(
    signed_in: SignIn, call_centre: CallCentreData, at: str, text: str
) -> None:
    assert add_annotation(signed_in("lucy"), call_centre, call_centre.first_recording, at, text) == 400


def test_an_annotation_of_another_origin_is_rejected(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy = signed_in("lucy")
    assert add_annotation(lucy, call_centre, call_centre.first_recording, "0:01", "x", csrf="0" * 64) == 403
    assert (
        add_annotation(lucy, call_centre, call_centre.first_recording, "0:01", "x", origin="http://evil.example") == 403
    )
    for number in ("x", "", "9" * 30, "1 or 1=1"):
        assert delete_annotation(lucy, call_centre, call_centre.first_recording, number) == 404


def test_a_recording_has_a_maximum_of_annotations(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    emil, recording = signed_in("emil"), call_centre.hostile_recording
    query = urlencode({"account": call_centre.account_param, "name": recording.file_name})
    with console_server.node.database.write_transaction() as connection:
        for _ in range(MAX_PER_RECORDING):
            connection.exec_driver_sql(
                "INSERT INTO annotations (app, account_id, recording, month, offset_ms, text, tags, author, created_at) "
                f"SELECT {call_centre.acme.id}, 'acme-account', file_name, month, 1, 'x', '', 'nick', 0 FROM recordings "
                "WHERE call_id = '1700000000-4'"
            )
    reply = emil.post(f"/console/annotation?{query}", offset="1", text="one more")
    assert (reply.status, b"maximum number of annotations" in reply.body) == (400, True)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("75", 75_000), ("1:15", 75_000), ("1:01:15.5", 3_675_500), ("0,25", 250), ("24:00:00", 86_400_000), ("1:", None)],
)
def test_an_offset_is_parsed_from_minutes_and_seconds(text: str, milliseconds: int | None) -> None:
    assert parse_offset(text) == milliseconds
    if milliseconds is not None and milliseconds % 100 == 0:
        assert parse_offset(format_offset(milliseconds)) == milliseconds


def build_path(path: str, call_centre: CallCentreData, **more: str) -> str:
    return f"/console/{path}?" + urlencode({"account": call_centre.account_param, **more})


def test_a_passage_is_added_once_changed_and_found_by_text_tag_author_and_day(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    emil, lucy, recording = signed_in("emil"), signed_in("lucy"), call_centre.other_account_recording
    account = f"{call_centre.acme.ak}/acme-other"
    name = {"account": account, "name": recording.file_name}
    fields = {"offset": "0:00.5", "end": "0:02", "text": "Names a FEE that is not due", "tags": "Fees, complaint,fees"}
    for _ in range(2):  # a double click
        reply = emil.post(f"/console/annotation?{urlencode(name)}", **fields)
        assert reply.status == 303
    address = reply.headers["location"]
    page = emil.get(address).body.decode()
    assert find_annotated_places(page) == [("500", "2000", "0:00.5–0:02")]
    assert 'data-start="500"' in page
    [number] = find_annotation_ids(page)
    changed = fields | {"annotation": number, "text": "Names a fee", "end": ""}
    assert lucy.post(f"/console/annotation/change?{urlencode(name)}", **changed).status == 404
    assert emil.post(f"/console/annotation/change?{urlencode(name)}", **changed).status == 303
    assert find_annotated_places(emil.get(address).body.decode()) == [("500", "", "0:00.5")]
    queries = {"text": ("A FEE", "nothing"), "tag": ("fees", "fee"), "author": ("emil", "lucy")}
    queries |= {"to": ("", "2001-01-01")}
    for field, (matching, other) in queries.items():
        found = [
            emil.get(f"/console/annotations?{urlencode({'account': account, field: value})}")
            for value in (matching, other)
        ]
        assert ["Names a fee" in reply.body.decode() for reply in found] == [True, False], field
        link = re.search(r'href="(/console/call\?[^"]*annotation=\d+[^"]*)"', found[0].body.decode())
        assert link
        assert b'data-start="500"' in emil.get(link[1].partition("#")[0].replace("&amp;", "&")).body
    assert lucy.get(f"/console/annotations?{urlencode({'account': account})}").status == 404
    with console_server.node.database.read_transaction() as connection:
        rows = connection.exec_driver_sql(
            "SELECT action, target FROM audit_log WHERE account_id = 'acme-other' AND action LIKE 'annotation!_%' ESCAPE '!' ORDER BY id"
        )
        assert [tuple(row) for row in rows] == [
            ("annotation_added", f"{recording.file_name} 0:00.5"),
            ("annotation_changed", f"{recording.file_name} 0:00.5 of emil"),
        ]


@pytest.mark.parametrize("query", ["from=x", "to=2026-13-01", "from=2026-02-01&to=2026-01-01", "from=1980-01-01"])
def test_a_search_of_annotations_in_an_invalid_period_is_rejected(signed_in: SignIn, query: str) -> None:
    assert signed_in("lucy").get(f"/console/annotations?{query}").status == 400


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("offset", "59:00", "Nothing was recorded at this position. Recordings of this call run from 0:00 to 2:00."),
        ("offset", "9:99", "Nothing was recorded at this position."),
        ("offset", "x", "Enter a position in minutes and seconds"),
        ("end", "0:00.5", "The end must be after the position."),
        ("end", "59:00", "This recording ends at 2:00."),
        ("end", "x", "Enter a position in minutes and seconds"),
        ("text", " ", "An annotation must have 1 to 500 characters."),
        ("tags", ",".join(map(str, range(11))), "Enter at most 10 tags"),
    ],
)
def test_a_wrong_field_has_a_sentence_beside_it_and_keeps_what_was_typed(
    signed_in: SignIn, call_centre: CallCentreData, field: str, value: str, sentence: str
) -> None:
    fields = {"offset": "0:01", "end": "0:02", "text": "typed text", "tags": "a"} | {field: value}
    path = build_path("annotation", call_centre, name=call_centre.first_recording.file_name)
    reply = signed_in("lucy").post(path, **fields)
    page = reply.body.decode()
    assert reply.status == 400
    field_problem = re.search(
        r'name="(\w+)"[^>]*aria-invalid="true" aria-describedby="new-\1"></label><span class="field-problem" id="new-\1">([^<]*)',
        page,
    )
    assert field_problem
    assert field_problem[1] == field
    assert sentence in field_problem[2]
    assert f'name="text" value="{fields["text"]}"' in page


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        (" Fees , COMPLAINT，fees、\t", ("fees", "complaint")),
        ("a" * 31, None),
        (",".join("abcdefghijk"), None),
        ("," * 1000, None),
    ],
)
def test_tags_are_separated_by_commas(text: str, tags: tuple[str, ...] | None) -> None:
    assert parse_tags(text) == tags

"""Rows of FusionPBX's v_xml_cdr become the variables of a channel, with the document that is stored beside them."""

import json

import pytest

from ccfs.switches.freeswitch.formats.table_rows import build_variables
from ccfs.switches.records import UnreadableLine

UUID, PARENT = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
XML = f"""<?xml version="1.0"?><cdr core-uuid="x"><channel_data><direction>inbound</direction></channel_data>
<variables><uuid>{UUID}</uuid><start_epoch>1705311042</start_epoch><sip_from_display>Ann%20Lee</sip_from_display></variables>
<app_log><application app_name="record_session" app_data="%2Frec%2Fann.wav"></application></app_log>
<callflow><caller_profile><caller_id_name>Ann%20Lee</caller_id_name><destination_number>601</destination_number>
<originator><originator_caller_profile><uuid>{PARENT}</uuid></originator_caller_profile></originator>
</caller_profile></callflow></cdr>"""
XML_AS_JSON = {  # what PHP's json_encode makes of it: empty elements are {}
    "@attributes": {"core-uuid": "x"},
    "channel_data": {"direction": "inbound"},
    "variables": {"uuid": UUID, "start_epoch": "1705311042", "sip_from_display": "Ann%20Lee", "empty": {}},
    "app_log": {"application": {"@attributes": {"app_name": "record_session", "app_data": "%2Frec%2Fann.wav"}}},
    "callflow": {
        "caller_profile": {
            "caller_id_name": "Ann%20Lee",
            "destination_number": "601",
            "originator": {"originator_caller_profile": {"uuid": PARENT}},
        }
    },
}


def test_xml_that_was_stored_as_json_says_what_the_xml_says() -> None:
    from_xml = build_variables({"xml_cdr_uuid": UUID}, XML)
    assert build_variables({"xml_cdr_uuid": UUID}, json.dumps(XML_AS_JSON)) == from_xml
    assert (from_xml["caller_id_name"], from_xml["app_log_record"], from_xml["originator"]) == (
        "Ann Lee",
        "/rec/ann.wav",
        PARENT,
    )


@pytest.mark.parametrize("applications", [{}, [], None, "x", [{"@attributes": None}]])
def test_applications_of_any_form_are_read(applications: object) -> None:
    document = XML_AS_JSON | {"app_log": {"application": applications}}
    variables = build_variables({"xml_cdr_uuid": UUID}, json.dumps(document))
    assert (variables["caller_id_name"], variables.get("app_log_record", "")) == ("Ann Lee", "")


def test_columns_fill_what_the_document_lacks() -> None:
    columns = {"xml_cdr_uuid": UUID, "direction": "inbound", "leg": "a", "caller_id_number": "02079460123"}
    variables = build_variables(
        columns | {"record_name": "b.wav"}, json.dumps({"variables": {"caller_id_number": "1"}})
    )
    assert variables["call_direction"] == "inbound"
    assert variables["direction"] == "inbound"
    assert variables["caller_id_number"] == "1"
    assert variables["record_name"] == "b.wav"


@pytest.mark.parametrize(
    ("direction", "name"),
    [("inbound", "last_sent_callee_id_number"), ("local", "last_sent_callee_id_number"), ("outbound", "user_name")],
)
def test_the_extension_is_who_answered_or_who_called_out(direction: str, name: str) -> None:
    assert build_variables({"xml_cdr_uuid": UUID, "direction": direction}, "", "1001")[name] == "1001"


@pytest.mark.parametrize("document", ["", "nonsense", "<cdr", "[]", "{}", '{"variables": 3}'])
def test_a_damaged_document_leaves_the_columns(document: str) -> None:
    assert build_variables({"xml_cdr_uuid": UUID, "duration": "9"}, document)["duration"] == "9"


def test_a_row_without_a_uuid_is_rejected() -> None:
    with pytest.raises(UnreadableLine, match="no uuid"):
        build_variables({"duration": "9"}, "")

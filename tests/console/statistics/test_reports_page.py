"""The page of scheduled reports: schedule, list, delete, permission, audit."""

import re

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text


def test_a_report_is_scheduled_and_deleted(signed_in: SignIn, call_centre: CallCentreData) -> None:
    emil, path = signed_in("emil"), f"/console/reports?account={call_centre.account_param}"
    form = {"account": call_centre.account_param, "frequency": "weekly", "format": "html", "queues": "sales, support"}
    assert emil.post("/console/reports", **form).status == 303
    text = emil.get_text(path)
    assert re.search(
        r"Every Monday HTML sales, support Folder on the server emil \d{4}-\d\d-\d\d 00:30:00 None yet", text
    )
    assert signed_in("lucy").get(path).status == 404
    (schedule,) = re.findall(r'name="id" value="(\w+)"', emil.get(path).body.decode())
    anna = signed_in("anna")
    other = f"{call_centre.acme.ak}/acme-other"
    assert anna.post("/console/reports/delete", account=other, id=schedule).status == 404
    assert anna.post("/console/reports/delete", account=call_centre.account_param, id=schedule).status == 303
    assert "No reports are scheduled" in emil.get_text(path)
    audit = signed_in("audrey").get_text("/console/audit")
    assert "Scheduled a report weekly html folder" in audit
    assert f"Deleted a scheduled report {schedule}" in audit


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("recipients", "ann@example.com", 400),
        ("queues", "q" * 65, 400),
        ("frequency", "hourly", 404),
        ("format", "", 404),
    ],
)
def test_an_invalid_report_is_rejected_and_typed_text_stays(
    signed_in: SignIn, call_centre: CallCentreData, field: str, value: str, status: int
) -> None:
    form = {"account": call_centre.account_param, "frequency": "daily", "format": "csv", "queues": "sales"}
    reply = signed_in("emil").post("/console/reports", **form | {field: value})
    assert reply.status == status
    if status == 400:
        assert 'role="alert"' in reply.body.decode()
        assert (
            f'name="queues" autocomplete="off" maxlength="2000" value="{(form | {field: value})["queues"]}"'
            in reply.body.decode()
        )
        assert "No reports are scheduled" in extract_text(reply)

"""A client with a callback receiver: it requests exports, waits for their callbacks, and downloads the files."""

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from ccfs.db.system import tenants
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import Account, Vdn
from tests.api.api_client import ApiClient, Reply, create_client
from tests.receivers import CallbackReceiver, ReceivedCallback, run_receiver
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, add_recording, create_two_tenants, make_a_law_wav
from tests.waiting import wait_until

DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
DOWNLOAD_OPERATIONS = {
    "queryBillData": ("downloadBillFile", "billFileName"),
    "queryAgentOprInfoData": ("downloadAgentOprInfoFile", "agentOprInfoFileName"),
    "queryAgentSkillInfoData": ("downloadAgentSkillInfoFile", "agentSkillInfoFileName"),
}
FILE_NAME_FIELDS = {
    "queryBillData": {"billFileName", "billName"},
    "queryAgentOprInfoData": {"agentOprInfoFileName", "fileName"},
    "queryAgentSkillInfoData": {"agentSkillInfoFileName", "agentOprSkillFileName", "fileName"},
}
ZIP_TABLES = {
    "queryBillData": ["call", "record"],
    "queryAgentOprInfoData": ["agentOprInfo"],
    "queryAgentSkillInfoData": ["agentSkillInfo"],
}
NEW_YORK = "acme-new-york"
NEW_YORK_FILE = "/0/1/record/far/1.V3"  # the only recording there


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackClient:
    """A client of the API, and a receiver whose prefix is bound to its app."""

    client: ApiClient
    other_client: ApiClient  # of the other app
    tenants: TwoTenants
    receiver: CallbackReceiver

    def request_export(self, operation: str = "queryBillData", **fields: Any) -> Reply:
        """Request an export of a day, or as the fields say."""
        return self.client.request(operation, {**DAY_PERIOD, "callBackURL": self.receiver.url, **fields})

    def export_and_wait(self, operation: str = "queryBillData", **fields: Any) -> dict[str, Any]:
        """Request an export, wait for its callback, and return the callback's msgBody."""
        reply = self.request_export(operation, **fields)
        assert reply.result_code == "0", reply.body
        body: dict[str, Any] = json.loads(self.wait_for_callback(reply.json["resultData"]["responseId"]).body)
        assert body["request"] == {"version": "2.0"}
        msg_body: dict[str, Any] = body["msgBody"]
        return msg_body

    def wait_for_callback(self, response_id: str) -> ReceivedCallback:
        """Wait for the callback of a request, and return it."""
        wait_until(lambda: any(response_id.encode() in callback.body for callback in self.receiver.received))
        return next(callback for callback in self.receiver.received if response_id.encode() in callback.body)

    def download(self, operation: str, name: str, **headers: str) -> Reply:
        """Download an export of the operation."""
        download, field = DOWNLOAD_OPERATIONS[operation]
        return self.client.request(download, {field: name}, **headers)

    def export_lines(self, operation: str = "queryBillData", **fields: Any) -> dict[str, list[str]]:
        """Request an export; return the lines after the header by table."""
        callback = self.export_and_wait(operation, **fields)
        name = next(value for key, value in callback.items() if key in FILE_NAME_FIELDS[operation])
        return {table: lines[1:] for table, lines in read_zip(self.download(operation, name)).items()}


def read_zip(reply: Reply) -> dict[str, list[str]]:
    """Return the members of a zip by table, as lines; fail if any is incomplete."""
    assert reply.headers["content-type"] == "Application/Octet-stream;charset=UTF-8", reply.body
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        members = {re.fullmatch(r"\d{20}_([a-zA-Z]+)_1\.csv", name)[1]: archive.read(name).decode() for name in names}  # type: ignore[index]
    assert all(text.endswith("\n") for text in members.values())
    return {table: text.splitlines() for table, text in members.items()}


@contextmanager
def run_callback_client(data: Path, **settings: Any) -> Iterator[CallbackClient]:
    with run_receiver() as receiver, run_server(data, lock_failures=0, callback_retry_seconds=1, **settings) as server:
        tenant_pair = create_two_tenants(server.node)
        add_new_york(server, tenant_pair)
        with server.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, tenant_pair.acme.app, receiver.prefix)
        callback_client = CallbackClient(
            client=create_client(server, tenant_pair.acme),
            other_client=create_client(server, tenant_pair.bolt),
            tenants=tenant_pair,
            receiver=receiver,
        )
        wait_until(
            lambda: (
                callback_client.request_export(endTime="2020-10-19 00:00:00", accountId=NEW_YORK).result_code
                == "0390006"
            )
        )  # the server knows New York once the error is another one
        yield callback_client


def add_new_york(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    """Add a second account to the first app, with a recording of the last second of its 15th: in UTC it is the 16th."""
    begin, app = datetime(2020, 10, 16, 3, 59, 59, tzinfo=UTC), tenant_pair.acme.app
    with server.node.database.write_transaction() as connection:
        vdn = Vdn(vdn_id=77, cc_id=1, account_id=NEW_YORK)
        tenants.add_account(connection, app, Account(account_id=NEW_YORK, zone="America/New_York"), vdn, begin)
    more = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin + timedelta(minutes=1)}
    add_recording(server.node, app, make_a_law_wav(9), NEW_YORK_FILE, "Y:/77/0/1.V3", **more)


CLOCK_CHANGES = {  # recordings in New York around the hours that occur twice, or never
    "first": datetime(2020, 11, 1, 5, 30, tzinfo=UTC),
    "between": datetime(2020, 11, 1, 6, 0, tzinfo=UTC),
    "second": datetime(2020, 11, 1, 6, 30, tzinfo=UTC),
    "before": datetime(2021, 3, 14, 6, 59, 59, tzinfo=UTC),
    "after": datetime(2021, 3, 14, 7, 30, tzinfo=UTC),
}


def add_clock_changes(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    """Add these recordings, unless they are there."""
    with server.node.database.read_transaction() as connection:
        is_there = recordings.has_file_name(connection, tenant_pair.acme.app, "/0/1/record/first/1.V3")
    for number, (name, begin) in enumerate({} if is_there else CLOCK_CHANGES.items()):
        more: dict[str, Any] = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin}
        names = f"/0/1/record/{name}/1.V3", f"Y:/77/0/{name}.V3"
        add_recording(server.node, tenant_pair.acme.app, make_a_law_wav(number + 20), *names, **more)


def extract_names(lines: list[str]) -> list[str]:
    """Return the index names in lines of record.csv."""
    return [next(cell for cell in line.replace('"', "").split(",") if "/record/" in cell) for line in lines]

"""A client with a receiver of its own: asks for files, hears the callback, fetches what it names. No test here."""

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
from tests.workers.callbacks.callback_node import wait_until

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
    """A client with a receiver of its own that is bound."""

    client: ApiClient
    other_client: ApiClient  # of the other app
    tenants: TwoTenants
    receiver: CallbackReceiver

    def request_export(self, operation: str = "queryBillData", **fields: Any) -> Reply:
        """Ask for a day, or what the fields say."""
        return self.client.request(operation, {**DAY_PERIOD, "callBackURL": self.receiver.url, **fields})

    def export_and_wait(self, operation: str = "queryBillData", **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the callback: its msgBody."""
        reply = self.request_export(operation, **fields)
        assert reply.result_code == "0", reply.body
        body: dict[str, Any] = json.loads(self.wait_for_callback(reply.json["resultData"]["responseId"]).body)
        assert body["request"] == {"version": "2.0"}
        found: dict[str, Any] = body["msgBody"]
        return found

    def wait_for_callback(self, response_id: str) -> ReceivedCallback:
        """The callback of a request; waits for it."""
        wait_until(lambda: any(response_id.encode() in one.body for one in self.receiver.received))
        return next(one for one in self.receiver.received if response_id.encode() in one.body)

    def download(self, operation: str, name: str, **headers: str) -> Reply:
        """Download the file of an operation."""
        download, field = DOWNLOAD_OPERATIONS[operation]
        return self.client.request(download, {field: name}, **headers)

    def export_lines(self, operation: str = "queryBillData", **fields: Any) -> dict[str, list[str]]:
        """What the file of an ask holds: table -> lines after the header."""
        told = self.export_and_wait(operation, **fields)
        name = next(value for key, value in told.items() if key in FILE_NAME_FIELDS[operation])
        return {table: lines[1:] for table, lines in read_zip(self.download(operation, name)).items()}


def read_zip(reply: Reply) -> dict[str, list[str]]:
    """The members of a zip by table, as lines; fails where anything of it is not whole."""
    assert reply.headers["content-type"] == "Application/Octet-stream;charset=UTF-8", reply.body
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        found = {re.fullmatch(r"\d{20}_([a-zA-Z]+)_1\.csv", name)[1]: archive.read(name).decode() for name in names}  # type: ignore[index]
    assert all(text.endswith("\n") for text in found.values())
    return {table: text.splitlines() for table, text in found.items()}


@contextmanager
def run_callback_client(data: Path, **settings: Any) -> Iterator[CallbackClient]:
    with run_receiver() as there, run_server(data, lock_failures=0, callback_retry_seconds=1, **settings) as server:
        cast = create_two_tenants(server.node)
        add_new_york(server, cast)
        with server.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, cast.acme.app, there.prefix)
        office = CallbackClient(
            client=create_client(server, cast.acme),
            other_client=create_client(server, cast.bolt),
            tenants=cast,
            receiver=there,
        )
        wait_until(
            lambda: office.request_export(endTime="2020-10-19 00:00:00", accountId=NEW_YORK).result_code == "0390006"
        )  # it knows them
        yield office


def add_new_york(server: CcfsServer, cast: TwoTenants) -> None:
    """A second account of the first app, with a recording of the last second of its 15th: elsewhere it is the 16th."""
    begin, app = datetime(2020, 10, 16, 3, 59, 59, tzinfo=UTC), cast.acme.app
    with server.node.database.write_transaction() as connection:
        vdn = Vdn(vdn_id=77, cc_id=1, account_id=NEW_YORK)
        tenants.add_account(connection, app, Account(account_id=NEW_YORK, zone="America/New_York"), vdn, begin)
    more = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin + timedelta(minutes=1)}
    add_recording(server.node, app, make_a_law_wav(9), NEW_YORK_FILE, "Y:/77/0/1.V3", **more)


CLOCK_CHANGES = {  # recordings in New York about the hours that come twice, and not at all
    "first": datetime(2020, 11, 1, 5, 30, tzinfo=UTC),
    "between": datetime(2020, 11, 1, 6, 0, tzinfo=UTC),
    "second": datetime(2020, 11, 1, 6, 30, tzinfo=UTC),
    "before": datetime(2021, 3, 14, 6, 59, 59, tzinfo=UTC),
    "after": datetime(2021, 3, 14, 7, 30, tzinfo=UTC),
}


def add_clock_changes(server: CcfsServer, cast: TwoTenants) -> None:
    """These recordings, where they are not there yet."""
    with server.node.database.read_transaction() as connection:
        is_there = recordings.has_file_name(connection, cast.acme.app, "/0/1/record/first/1.V3")
    for number, (name, begin) in enumerate({} if is_there else CLOCK_CHANGES.items()):
        more: dict[str, Any] = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin}
        names = f"/0/1/record/{name}/1.V3", f"Y:/77/0/{name}.V3"
        add_recording(server.node, cast.acme.app, make_a_law_wav(number + 20), *names, **more)


def extract_names(lines: list[str]) -> list[str]:
    """The index names of lines of record.csv."""
    return [next(cell for cell in line.replace('"', "").split(",") if "/record/" in cell) for line in lines]

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
from tests.cast import Cast, a_law, fill, keep_recording
from tests.receivers import Received, Receiver, receiver
from tests.web.callers import Caller, Reply, caller
from tests.web.serving import Server, serving
from tests.work.announcing import until

DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}
DOWNLOADS = {
    "queryBillData": ("downloadBillFile", "billFileName"),
    "queryAgentOprInfoData": ("downloadAgentOprInfoFile", "agentOprInfoFileName"),
    "queryAgentSkillInfoData": ("downloadAgentSkillInfoFile", "agentSkillInfoFileName"),
}
NAMES = {
    "queryBillData": {"billFileName", "billName"},
    "queryAgentOprInfoData": {"agentOprInfoFileName", "fileName"},
    "queryAgentSkillInfoData": {"agentSkillInfoFileName", "agentOprSkillFileName", "fileName"},
}
MEMBERS = {
    "queryBillData": ["call", "record"],
    "queryAgentOprInfoData": ["agentOprInfo"],
    "queryAgentSkillInfoData": ["agentSkillInfo"],
}
NEW_YORK = "acme-new-york"
FAR = "/0/1/record/far/1.V3"  # the only recording there


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A client with a receiver of its own that is bound."""

    caller: Caller
    other: Caller  # of the other app
    cast: Cast
    there: Receiver

    def ask(self, operation: str = "queryBillData", **fields: Any) -> Reply:
        """Ask for a day, or what the fields say."""
        return self.caller.ask(operation, {**DAY, "callBackURL": self.there.url, **fields})

    def told(self, operation: str = "queryBillData", **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the callback: its msgBody."""
        reply = self.ask(operation, **fields)
        assert reply.code == "0", reply.body
        body: dict[str, Any] = json.loads(self.callback(reply.json["resultData"]["responseId"]).body)
        assert body["request"] == {"version": "2.0"}
        found: dict[str, Any] = body["msgBody"]
        return found

    def callback(self, response_id: str) -> Received:
        """The callback of a request; waits for it."""
        until(lambda: any(response_id.encode() in one.body for one in self.there.received))
        return next(one for one in self.there.received if response_id.encode() in one.body)

    def fetch(self, operation: str, name: str, **headers: str) -> Reply:
        """Download the file of an operation."""
        download, field = DOWNLOADS[operation]
        return self.caller.ask(download, {field: name}, **headers)

    def rows(self, operation: str = "queryBillData", **fields: Any) -> dict[str, list[str]]:
        """What the file of an ask holds: table -> lines after the header."""
        told = self.told(operation, **fields)
        name = next(value for key, value in told.items() if key in NAMES[operation])
        return {table: lines[1:] for table, lines in opened(self.fetch(operation, name)).items()}


def opened(reply: Reply) -> dict[str, list[str]]:
    """The members of a zip by table, as lines; fails where anything of it is not whole."""
    assert reply.headers["content-type"] == "Application/Octet-stream;charset=UTF-8", reply.body
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        found = {re.fullmatch(r"\d{20}_([a-zA-Z]+)_1\.csv", name)[1]: archive.read(name).decode() for name in names}  # type: ignore[index]
    assert all(text.endswith("\n") for text in found.values())
    return {table: text.splitlines() for table, text in found.items()}


@contextmanager
def an_office(data: Path, **settings: Any) -> Iterator[Office]:
    with receiver() as there, serving(data, lock_failures=0, callback_retry_seconds=1, **settings) as server:
        cast = fill(server.node)
        add_new_york(server, cast)
        with server.node.database.write_transaction() as connection:
            tenants.bind_callback(connection, cast.acme.app, there.prefix)
        office = Office(caller=caller(server, cast.acme), other=caller(server, cast.bolt), cast=cast, there=there)
        until(lambda: office.ask(endTime="2020-10-19 00:00:00", accountId=NEW_YORK).code == "0390006")  # it knows them
        yield office


def add_new_york(server: Server, cast: Cast) -> None:
    """A second account of the first app, with a recording of the last second of its 15th: elsewhere it is the 16th."""
    begin, app = datetime(2020, 10, 16, 3, 59, 59, tzinfo=UTC), cast.acme.app
    with server.node.database.write_transaction() as connection:
        vdn = Vdn(vdn_id=77, cc_id=1, account_id=NEW_YORK)
        tenants.add_account(connection, app, Account(account_id=NEW_YORK, zone="America/New_York"), vdn, begin)
    more = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin + timedelta(minutes=1)}
    keep_recording(server.node, app, a_law(9), FAR, "Y:/77/0/1.V3", **more)


CLOCK_CHANGES = {  # recordings in New York about the hours that come twice, and not at all
    "first": datetime(2020, 11, 1, 5, 30, tzinfo=UTC),
    "between": datetime(2020, 11, 1, 6, 0, tzinfo=UTC),
    "second": datetime(2020, 11, 1, 6, 30, tzinfo=UTC),
    "before": datetime(2021, 3, 14, 6, 59, 59, tzinfo=UTC),
    "after": datetime(2021, 3, 14, 7, 30, tzinfo=UTC),
}


def add_clock_changes(server: Server, cast: Cast) -> None:
    """These recordings, where they are not there yet."""
    with server.node.database.read_transaction() as connection:
        is_there = recordings.has_file_name(connection, cast.acme.app, "/0/1/record/first/1.V3")
    for number, (name, begin) in enumerate({} if is_there else CLOCK_CHANGES.items()):
        more: dict[str, Any] = {"account_id": NEW_YORK, "call_begin": begin, "call_end": begin}
        names = f"/0/1/record/{name}/1.V3", f"Y:/77/0/{name}.V3"
        keep_recording(server.node, cast.acme.app, a_law(number + 20), *names, **more)


def names_in(lines: list[str]) -> list[str]:
    """The index names of lines of record.csv."""
    return [next(cell for cell in line.replace('"', "").split(",") if "/record/" in cell) for line in lines]

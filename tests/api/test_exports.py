"""Exports by the real server on both databases: the request, the signed callback, the download of the file that it names."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from socket import socket as Socket
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ccfs.db.system import tenants
from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH
from ccfs.workers.maintenance.cleanup import run_cleanup
from tests import databases
from tests.api.api_client import LegacyApiClient, Reply
from tests.api.callback_client import (
    DAY_PERIOD,
    DOWNLOAD_OPERATIONS,
    FILE_NAME_FIELDS,
    NEW_YORK,
    NEW_YORK_FILE,
    ZIP_TABLES,
    CallbackClient,
    add_clock_changes,
    extract_names,
    read_zip,
    run_callback_client,
)
from tests.receivers import OK, Behaviour, CallbackReceiver, run_receiver
from tests.two_tenants import CALLBACK_URL
from tests.waiting import wait_until

LAST_DAY = {"endTime": "9999-12-31 23:59:59", "accountId": NEW_YORK}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def callback_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CallbackClient]:
    """A server on each database, and a client with a receiver."""
    with ExitStack() as stack:
        options: dict[str, object] = {}
        if request.param == "postgresql":
            options["database_url"] = stack.enter_context(
                databases.create_database(request.getfixturevalue("postgres_url"))
            )
        yield stack.enter_context(run_callback_client(tmp_path_factory.mktemp("exports"), **options))


class TestResponse:
    """Responses to export requests, in both envelopes."""

    @pytest.mark.parametrize("operation", DOWNLOAD_OPERATIONS)
    def test_an_export_request_is_answered_with_its_id(self, callback_client: CallbackClient, operation: str) -> None:
        reply = callback_client.request_export(operation)
        number = reply.json["resultData"]["responseId"]
        assert re.fullmatch(r"[0-9a-f]{32}", number)
        assert reply.headers["content-type"] == "application/json;charset=UTF-8"
        assert reply.body.decode() == (
            '{"response":{"version":"2.0","resultCode":"0","resultMsg":"success"},'
            f'"resultData":{{"responseId":"{number}"}},"resultCode":"0","resultDesc":"success"}}'
        )

    def test_an_export_request_of_a_client_of_2019_is_answered(self, callback_client: CallbackClient) -> None:
        old = LegacyApiClient(
            server=callback_client.client.server, ak=callback_client.client.ak, sk=callback_client.client.sk
        )
        fields = {**DAY_PERIOD, "dataType": "call_record", "callBackURL": callback_client.receiver.url}
        assert old.request("queryBillData", fields).result_code == "0"

    @pytest.mark.parametrize(
        ("fields", "code", "text"),
        [
            ({"beginTime": None}, "0300001", "The value of beginTime cannot be null."),
            ({"endTime": ""}, "0300002", "The value of endTime cannot be an empty string."),
            ({"beginTime": "2020-10-15"}, "0300004", "The format of beginTime is incorrect."),
            ({"beginTime": "2020-02-30 00:00:00"}, "0300004", "The format of beginTime is incorrect."),
            ({**LAST_DAY, "beginTime": "9999-12-31 00:00:00"}, "0300004", "The format of endTime is incorrect."),
            ({**LAST_DAY, "beginTime": "9999-12-31 23:00:00"}, "0300004", "The format of beginTime is incorrect."),
            ({"beginTime": "0000-12-31 00:00:00"}, "0300004", "The format of beginTime is incorrect."),
            ({"beginTime": "0001-01-01 00:00:00"}, "0300004", "The format of beginTime is incorrect."),
            ({"endTime": "9999-12-31 24:00:00"}, "0300004", "The format of endTime is incorrect."),
            ({"beginTime": "2020-10-15 23:59:59", "endTime": "2020-10-15 23:59:58"}, "0300013", None),
            ({"endTime": "2020-10-18 00:00:01"}, "0390006", None),
            ({"accountId": "x" * 21}, "0300003", "The length of accountId is too long."),
            ({"callBackURL": None}, "0300001", "The value of callBackURL cannot be null."),
            ({"callBackURL": "ftp://127.0.0.1/"}, "0300004", "The format of callBackURL is incorrect."),
            ({"callBackURL": "http://user@127.0.0.1/"}, "0300004", "The format of callBackURL is incorrect."),
            ({"callBackURL": "http://127.0.0.1:10/"}, "0390007", None),
            ({"callBackURL": CALLBACK_URL.replace("127.0.0.1", "127.0.0.2")}, "0390007", None),
            ({"dataType": "both"}, "0300004", "The format of dataType is incorrect."),
        ],
    )
    def test_an_invalid_export_request_is_answered_with_the_reason(
        self, callback_client: CallbackClient, fields: Any, code: str, text: str | None
    ) -> None:
        reply = callback_client.request_export(**fields)
        assert (reply.status, reply.result_code, reply.json["resultData"]) == (200, code, "")
        assert reply.json["response"]["resultCode"] == code
        assert text is None or reply.json["resultDesc"] == text

    @pytest.mark.parametrize("end", ["2020-10-18 00:00:00", "2020-10-15 00:00:00"])
    def test_three_days_exactly_and_a_single_second_may_be_exported(
        self, callback_client: CallbackClient, end: str
    ) -> None:
        assert callback_client.request_export(endTime=end).result_code == "0"

    def test_an_account_of_another_app_looks_like_an_unknown_one(self, callback_client: CallbackClient) -> None:
        foreign, absent = (
            callback_client.request_export(accountId=callback_client.tenants.bolt.account_id),
            callback_client.request_export(accountId="nowhere"),
        )
        assert foreign.result_code == "0390008"
        assert foreign.without_headers("x-request-id", "date") == absent.without_headers("x-request-id", "date")


class TestTheCallback:
    """Callbacks: signed, with every name of the manual, and sent once the file is ready."""

    @pytest.mark.parametrize("operation", DOWNLOAD_OPERATIONS)
    def test_the_callback_names_the_file_in_every_spelling(
        self, callback_client: CallbackClient, operation: str
    ) -> None:
        before = datetime.now(ZoneInfo("Asia/Shanghai"))
        reply = callback_client.request_export(operation, accountId=callback_client.tenants.acme.account_id)
        number = reply.json["resultData"]["responseId"]
        days = {f"{moment:%Y%m%d}" for moment in (before, datetime.now(ZoneInfo("Asia/Shanghai")))}  # two at midnight
        got = callback_client.wait_for_callback(number)
        day = json.loads(got.body)["msgBody"]["fileName" if "Agent" in operation else "billFileName"][:8]
        assert day in days
        names = dict.fromkeys(FILE_NAME_FIELDS[operation], f"{day}_{number}.zip")
        msg_body = {"responseId": number, **names, "accountId": callback_client.tenants.acme.account_id}
        assert json.loads(got.body) == {"request": {"version": "2.0"}, "msgBody": msg_body}
        assert (got.method, got.target, got.headers["accept"]) == ("POST", "/cb", "*/*")
        assert got.headers["content-type"] == "application/json;charset=UTF-8"
        assert got.headers["webhook-id"] == number

    def test_the_callback_is_signed_as_cc_fs_signs(self, callback_client: CallbackClient) -> None:
        number = callback_client.export_and_wait(callBackURL=callback_client.receiver.url + "?y=1&a=%20b")["responseId"]
        got = callback_client.wait_for_callback(number)
        path, _, query = got.target.partition("?")
        assert query == "y=1&a=%20b"
        request = signature.SignedRequest(method="POST", path=path, query=query, headers=got.headers, body=got.body)
        authorization = signature.parse_authorization(got.headers["authorization"])
        assert authorization.ak == callback_client.client.ak
        assert authorization.signed_headers == ("content-length", "content-type", "host")
        assert got.headers["host"] == f"127.0.0.1:{callback_client.receiver.port}"
        assert signature.verify_request(authorization, request, [callback_client.client.sk])
        assert not signature.verify_request(authorization, request, [callback_client.other_client.sk])

    def test_the_callback_names_no_account_where_none_was_requested(self, callback_client: CallbackClient) -> None:
        assert "accountId" not in callback_client.export_and_wait(accountId="")

    def test_when_the_callback_arrives_the_download_succeeds(self, callback_client: CallbackClient) -> None:
        replies: list[Reply] = []

        def fetches(connection: Socket, there: CallbackReceiver) -> bool:
            name = json.loads(there.received[-1].body)["msgBody"]["billFileName"]
            with ThreadPoolExecutor(1) as pool:
                replies.append(pool.submit(callback_client.download, "queryBillData", name).result())
            return OK(connection, there)

        behaviour: Behaviour = fetches
        with run_receiver(behaviour) as there:
            with callback_client.client.server.node.database.write_transaction() as connection:
                tenants.bind_callback(connection, callback_client.tenants.acme.app, there.prefix)
            wait_until(lambda: callback_client.request_export(callBackURL=there.url).result_code == "0")
            wait_until(lambda: len(replies) == 1)
        assert read_zip(replies[0]).keys() == {"call", "record"}


class TestTheFile:
    """The exported file: its content, its owner, its lifetime."""

    @pytest.mark.parametrize("operation", DOWNLOAD_OPERATIONS)
    def test_an_empty_export_is_members_with_a_header_only(
        self, callback_client: CallbackClient, operation: str
    ) -> None:
        body = callback_client.export_and_wait(
            operation, beginTime="2001-01-01 00:00:00", endTime="2001-01-01 00:00:00"
        )
        members = read_zip(callback_client.download(operation, body[DOWNLOAD_OPERATIONS[operation][1]]))
        assert list(members) == ZIP_TABLES[operation]
        assert [len(lines) for lines in members.values()] == [1] * len(members)

    @pytest.mark.parametrize(
        ("data_type", "members"),
        [
            ("call", ["call"]),
            ("record", ["record"]),
            ("call_record", ["call", "record"]),
            ("", ["call", "record"]),
            (None, ["call", "record"]),
        ],
    )
    def test_the_data_type_selects_the_members_of_an_export(
        self, callback_client: CallbackClient, data_type: Any, members: list[str]
    ) -> None:
        assert list(callback_client.export_lines(dataType=data_type)) == members

    def test_times_of_an_export_are_the_accounts_and_both_ends_are_in(self, callback_client: CallbackClient) -> None:
        acme = callback_client.tenants.acme
        second = {"beginTime": "2020-10-15 10:23:39", "endTime": "2020-10-15 10:23:39"}  # 02:23:39 UTC
        assert extract_names(callback_client.export_lines(**second)["record"]) == [acme.only_recording.file_name]
        assert extract_names(callback_client.export_lines(**second, accountId=acme.account_id)["record"]) == [
            acme.only_recording.file_name
        ]
        late = {"beginTime": "2020-10-15 23:59:59", "endTime": "2020-10-15 23:59:59", "accountId": NEW_YORK}
        assert extract_names(callback_client.export_lines(**late)["record"]) == [NEW_YORK_FILE]

    @pytest.mark.parametrize(
        ("begin", "end", "expected"),
        [
            ("2020-11-01 01:30:00", "2020-11-01 01:30:00", ["first", "between", "second"]),  # an hour comes twice
            ("2020-11-01 01:30:01", "2020-11-01 01:59:59", ["between", "second"]),
            ("2020-11-01 00:00:00", "2020-11-01 01:29:59", ["first", "between"]),
            ("2020-11-01 02:00:00", "2020-11-01 03:00:00", []),
            ("2021-03-14 02:30:00", "2021-03-14 02:30:00", ["after"]),  # an hour never comes: 02:30 is 03:30
            ("2021-03-14 03:30:00", "2021-03-14 03:30:00", ["after"]),
            ("2021-03-14 01:59:59", "2021-03-14 03:00:00", ["before"]),
            ("2021-03-14 02:00:00", "2021-03-14 02:59:59", ["after"]),
        ],
    )
    def test_an_export_misses_nothing_where_clocks_change(
        self, callback_client: CallbackClient, begin: str, end: str, expected: list[str]
    ) -> None:
        add_clock_changes(callback_client.client.server, callback_client.tenants)
        names = extract_names(callback_client.export_lines(beginTime=begin, endTime=end, accountId=NEW_YORK)["record"])
        assert names == [f"/0/1/record/{name}/1.V3" for name in expected]

    def test_an_export_without_an_account_is_all_of_the_app_and_none_of_another(
        self, callback_client: CallbackClient
    ) -> None:
        acme = callback_client.tenants.acme
        names = extract_names(
            callback_client.export_lines(accountId="", agentId="", callId="", callerNo="", calleeNo="")["record"]
        )
        assert names == [
            recording.file_name for recording in (acme.only_recording, *acme.call_recordings, acme.large_recording)
        ]

    def test_filters_of_an_export_combine(self, callback_client: CallbackClient) -> None:
        acme = callback_client.tenants.acme
        assert extract_names(
            callback_client.export_lines(callId=acme.call_recordings[0].call_id, agentId="512")["record"]
        ) == [recording.file_name for recording in acme.call_recordings]
        assert callback_client.export_lines(callId=acme.call_recordings[0].call_id, agentId="513")["record"] == []
        assert len(callback_client.export_lines(callerNo="02079460001", calleeNo="02079460002")["record"]) == 4

    def test_only_the_operation_of_its_kind_downloads_an_export(self, callback_client: CallbackClient) -> None:
        for requested in DOWNLOAD_OPERATIONS:
            name = callback_client.export_and_wait(requested)[DOWNLOAD_OPERATIONS[requested][1]]
            codes = {operation: callback_client.download(operation, name) for operation in DOWNLOAD_OPERATIONS}
            assert {operation for operation, reply in codes.items() if reply.body[:2] == b"PK"} == {requested}
            assert {reply.result_code for operation, reply in codes.items() if operation != requested} == {"0300011"}

    def test_an_export_file_does_not_exist_for_another_app(self, callback_client: CallbackClient) -> None:
        name = callback_client.export_and_wait()["billFileName"]
        foreign = callback_client.other_client.request("downloadBillFile", {"billFileName": name})
        absent = callback_client.other_client.request("downloadBillFile", {"billFileName": f"{name[:9]}{'0' * 32}.zip"})
        assert foreign.result_code == "0300011"
        assert foreign.without_headers("x-request-id", "date") == absent.without_headers("x-request-id", "date")

    def test_an_export_file_is_sent_in_ranges(self, callback_client: CallbackClient) -> None:
        name = callback_client.export_and_wait()["billFileName"]
        complete = callback_client.download("queryBillData", name)
        assert complete.headers["content-disposition"] == f'attachment; filename="{name}"'
        part = callback_client.download("queryBillData", name, range="bytes=10-19", if_range=complete.headers["etag"])
        assert (part.status, part.body) == (206, complete.body[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(complete.body)}"

    def test_the_export_file_of_skill_changes_is_sent_for_a_flat_body_too(
        self, callback_client: CallbackClient
    ) -> None:
        name = callback_client.export_and_wait("queryAgentSkillInfoData")["agentSkillInfoFileName"]
        body = json.dumps({"agentSkillInfoFileName": name}).encode()
        assert callback_client.client.post(f"{BASE_PATH}downloadAgentSkillInfoFile", body).body[:2] == b"PK"

    def test_an_export_file_is_deleted_after_the_days_that_are_set_and_not_before(
        self, callback_client: CallbackClient
    ) -> None:
        node = callback_client.client.server.node
        name = callback_client.export_and_wait()["billFileName"]
        hours = {
            node.settings.export_retention_days * 24 - 23.5: True,  # marks it
            node.settings.export_retention_days * 24 - 1: True,
            node.settings.export_retention_days * 24 + 1: False,
        }
        for later, is_there in hours.items():
            now, keep = datetime.now(UTC) + timedelta(hours=later), timedelta(days=node.settings.export_retention_days)
            run_cleanup(node.database, node.locations, now, timedelta(minutes=1), keep)
            reply = callback_client.download("queryBillData", name)
            assert (reply.body[:2] == b"PK") is is_there
        assert reply.result_code == "0300011"

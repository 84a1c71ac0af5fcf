"""Asking for files over HTTP, the signed callback, the download of what it names: on both engines, by the real server."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from socket import socket as Socket
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ccfs.db.system import tenants
from ccfs.protocol import signature
from ccfs.protocol.operations import BASE_PATH
from ccfs.workers.maintenance.cleanup import run_cleanup
from tests import servers
from tests.cast import CALLBACK
from tests.receivers import OK, Behaviour, Receiver, receiver
from tests.web.callers import OldCaller, Reply
from tests.web.office import (
    DAY,
    DOWNLOADS,
    FAR,
    MEMBERS,
    NAMES,
    NEW_YORK,
    Office,
    add_clock_changes,
    an_office,
    names_in,
    opened,
)
from tests.work.announcing import until


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A server on each engine, and a client with a receiver."""
    data = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        with an_office(data) as office:
            yield office
    else:
        with (
            servers.database(request.getfixturevalue("postgres_url")) as url,
            an_office(data, database_url=url) as office,
        ):
            yield office


class TestTheAnswer:
    """At once, in both envelopes."""

    @pytest.mark.parametrize("operation", DOWNLOADS)
    def test_a_request_is_answered_with_its_id(self, office: Office, operation: str) -> None:
        reply = office.ask(operation)
        number = reply.json["resultData"]["responseId"]
        assert re.fullmatch(r"[0-9a-f]{32}", number)
        assert reply.headers["content-type"] == "application/json;charset=UTF-8"
        assert reply.body.decode() == (
            '{"response":{"version":"2.0","resultCode":"0","resultMsg":"success"},'
            f'"resultData":{{"responseId":"{number}"}},"resultCode":"0","resultDesc":"success"}}'
        )

    def test_a_client_of_2019_is_answered_too(self, office: Office) -> None:
        old = OldCaller(server=office.caller.server, ak=office.caller.ak, sk=office.caller.sk)
        ask = {**DAY, "dataType": "call_record", "callBackURL": office.there.url}
        assert old.ask("queryBillData", ask).code == "0"

    @pytest.mark.parametrize(
        ("fields", "code", "text"),
        [
            ({"beginTime": None}, "0300001", "The value of beginTime cannot be null."),
            ({"endTime": ""}, "0300002", "The value of endTime cannot be an empty string."),
            ({"beginTime": "2020-10-15"}, "0300004", "The format of beginTime is incorrect."),
            ({"beginTime": "2020-02-30 00:00:00"}, "0300004", "The format of beginTime is incorrect."),
            (
                {"endTime": "9999-12-31 23:59:59", "beginTime": "9999-12-31 00:00:00", "accountId": NEW_YORK},
                "0300004",
                "The format of endTime is incorrect.",
            ),
            (
                {"endTime": "9999-12-31 23:59:59", "beginTime": "9999-12-31 23:00:00", "accountId": NEW_YORK},
                "0300004",
                "The format of beginTime is incorrect.",
            ),
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
            ({"callBackURL": CALLBACK.replace("127.0.0.1", "127.0.0.2")}, "0390007", None),
            ({"dataType": "both"}, "0300004", "The format of dataType is incorrect."),
        ],
    )
    def test_what_cannot_be_asked_is_said(self, office: Office, fields: Any, code: str, text: str | None) -> None:
        reply = office.ask(**fields)
        assert (reply.status, reply.code, reply.json["resultData"]) == (200, code, "")
        assert reply.json["response"]["resultCode"] == code
        assert text is None or reply.json["resultDesc"] == text

    @pytest.mark.parametrize("end", ["2020-10-18 00:00:00", "2020-10-15 00:00:00"])
    def test_three_days_exactly_and_a_single_second_may_be_asked(self, office: Office, end: str) -> None:
        assert office.ask(endTime=end).code == "0"

    def test_a_foreign_account_is_answered_like_one_that_is_nowhere(self, office: Office) -> None:
        foreign, absent = office.ask(accountId=office.cast.bolt.account_id), office.ask(accountId="nowhere")
        assert foreign.code == "0390008"
        assert foreign.without("x-request-id", "date") == absent.without("x-request-id", "date")


class TestTheCallback:
    """Signed, with every name of the manual, and only when the file is there."""

    @pytest.mark.parametrize("operation", DOWNLOADS)
    def test_it_names_the_file_in_every_spelling(self, office: Office, operation: str) -> None:
        before = datetime.now(ZoneInfo("Asia/Shanghai"))
        reply = office.ask(operation, accountId=office.cast.acme.account_id)
        number = reply.json["resultData"]["responseId"]
        days = {f"{moment:%Y%m%d}" for moment in (before, datetime.now(ZoneInfo("Asia/Shanghai")))}  # two at midnight
        got = office.callback(number)
        day = json.loads(got.body)["msgBody"]["fileName" if "Agent" in operation else "billFileName"][:8]
        assert day in days
        names = dict.fromkeys(NAMES[operation], f"{day}_{number}.zip")
        msg_body = {"responseId": number, **names, "accountId": office.cast.acme.account_id}
        assert json.loads(got.body) == {"request": {"version": "2.0"}, "msgBody": msg_body}
        assert (got.method, got.target, got.headers["accept"]) == ("POST", "/cb", "*/*")
        assert got.headers["content-type"] == "application/json;charset=UTF-8"
        assert got.headers["webhook-id"] == number

    def test_it_is_signed_as_cc_fs_signs(self, office: Office) -> None:
        number = office.told(callBackURL=office.there.url + "?y=1&a=%20b")["responseId"]
        got = office.callback(number)
        path, _, query = got.target.partition("?")
        assert query == "y=1&a=%20b"
        request = signature.SignedRequest(method="POST", path=path, query=query, headers=got.headers, body=got.body)
        authorization = signature.parse_authorization(got.headers["authorization"])
        assert authorization.ak == office.caller.ak
        assert authorization.signed_headers == ("content-length", "content-type", "host")
        assert got.headers["host"] == f"127.0.0.1:{office.there.port}"
        assert signature.verify_request(authorization, request, [office.caller.sk])
        assert not signature.verify_request(authorization, request, [office.other.sk])

    def test_it_names_no_account_where_none_was_asked_for(self, office: Office) -> None:
        assert "accountId" not in office.told(accountId="")

    def test_when_it_comes_the_download_succeeds(self, office: Office) -> None:
        replies: list[Reply] = []

        def fetches(connection: Socket, there: Receiver) -> bool:
            name = json.loads(there.received[-1].body)["msgBody"]["billFileName"]
            with ThreadPoolExecutor(1) as pool:
                replies.append(pool.submit(office.fetch, "queryBillData", name).result())
            return OK(connection, there)

        behaviour: Behaviour = fetches
        with receiver(behaviour) as there:
            with office.caller.server.node.database.write_transaction() as connection:
                tenants.bind_callback(connection, office.cast.acme.app, there.prefix)
            until(lambda: office.ask(callBackURL=there.url).code == "0")
            until(lambda: len(replies) == 1)
        assert opened(replies[0]).keys() == {"call", "record"}


class TestTheFile:
    """What is in it, who gets it, how long."""

    @pytest.mark.parametrize("operation", DOWNLOADS)
    def test_an_empty_result_is_members_with_a_header_only(self, office: Office, operation: str) -> None:
        told = office.told(operation, beginTime="2001-01-01 00:00:00", endTime="2001-01-01 00:00:00")
        members = opened(office.fetch(operation, told[DOWNLOADS[operation][1]]))
        assert list(members) == MEMBERS[operation]
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
    def test_the_data_type_says_which_members(self, office: Office, data_type: Any, members: list[str]) -> None:
        assert list(office.rows(dataType=data_type)) == members

    def test_times_are_the_accounts_and_both_ends_are_in(self, office: Office) -> None:
        acme = office.cast.acme
        second = {"beginTime": "2020-10-15 10:23:39", "endTime": "2020-10-15 10:23:39"}  # 02:23:39 UTC
        assert names_in(office.rows(**second)["record"]) == [acme.one.file_name]
        assert names_in(office.rows(**second, accountId=acme.account_id)["record"]) == [acme.one.file_name]
        late = {"beginTime": "2020-10-15 23:59:59", "endTime": "2020-10-15 23:59:59", "accountId": NEW_YORK}
        assert names_in(office.rows(**late)["record"]) == [FAR]

    @pytest.mark.parametrize(
        ("begin", "end", "found"),
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
    def test_where_clocks_change_nothing_falls_out(
        self, office: Office, begin: str, end: str, found: list[str]
    ) -> None:
        add_clock_changes(office.caller.server, office.cast)
        names = names_in(office.rows(beginTime=begin, endTime=end, accountId=NEW_YORK)["record"])
        assert names == [f"/0/1/record/{name}/1.V3" for name in found]

    def test_no_account_is_all_of_the_app_and_none_of_another(self, office: Office) -> None:
        acme = office.cast.acme
        names = names_in(office.rows(accountId="", agentId="", callId="", callerNo="", calleeNo="")["record"])
        assert names == [one.file_name for one in (acme.one, *acme.two, acme.large)]

    def test_filters_combine(self, office: Office) -> None:
        acme = office.cast.acme
        assert names_in(office.rows(callId=acme.two[0].call_id, agentId="512")["record"]) == [
            one.file_name for one in acme.two
        ]
        assert office.rows(callId=acme.two[0].call_id, agentId="513")["record"] == []
        assert len(office.rows(callerNo="02079460001", calleeNo="02079460002")["record"]) == 4

    def test_only_the_operation_of_its_kind_gives_it(self, office: Office) -> None:
        for asked in DOWNLOADS:
            name = office.told(asked)[DOWNLOADS[asked][1]]
            codes = {operation: office.fetch(operation, name) for operation in DOWNLOADS}
            assert {operation for operation, reply in codes.items() if reply.body[:2] == b"PK"} == {asked}
            assert {reply.code for operation, reply in codes.items() if operation != asked} == {"0300011"}

    def test_to_another_app_it_is_nowhere(self, office: Office) -> None:
        name = office.told()["billFileName"]
        foreign = office.other.ask("downloadBillFile", {"billFileName": name})
        absent = office.other.ask("downloadBillFile", {"billFileName": f"{name[:9]}{'0' * 32}.zip"})
        assert foreign.code == "0300011"
        assert foreign.without("x-request-id", "date") == absent.without("x-request-id", "date")

    def test_it_is_given_in_parts(self, office: Office) -> None:
        name = office.told()["billFileName"]
        whole = office.fetch("queryBillData", name)
        assert whole.headers["content-disposition"] == f'attachment; filename="{name}"'
        part = office.fetch("queryBillData", name, range="bytes=10-19", if_range=whole.headers["etag"])
        assert (part.status, part.body) == (206, whole.body[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"

    def test_of_skill_changes_it_is_given_for_a_flat_body_too(self, office: Office) -> None:
        name = office.told("queryAgentSkillInfoData")["agentSkillInfoFileName"]
        body = json.dumps({"agentSkillInfoFileName": name}).encode()
        assert office.caller.post(f"{BASE_PATH}downloadAgentSkillInfoFile", body).body[:2] == b"PK"

    def test_it_goes_after_the_days_that_are_set_and_not_before(self, office: Office) -> None:
        node = office.caller.server.node
        name = office.told()["billFileName"]
        hours = {
            node.settings.export_retention_days * 24 - 1: True,
            node.settings.export_retention_days * 24 + 1: False,
        }
        for later, is_there in hours.items():
            now, keep = datetime.now(UTC) + timedelta(hours=later), timedelta(days=node.settings.export_retention_days)
            run_cleanup(node.database, node.locations, now, timedelta(minutes=1), keep)
            reply = office.fetch("queryBillData", name)
            assert (reply.body[:2] == b"PK") is is_there
        assert reply.code == "0300011"

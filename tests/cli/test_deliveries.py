"""`ccfs deliveries` as operators use it, and `ccfs serve` told to end while a receiver hangs."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccfs.db.job_queue import EXPORTS
from ccfs.db.system import export_jobs, tenants
from ccfs.db.tenant import exports
from ccfs.server.node import utc_now
from ccfs.workers.exports.worker import LEASE
from tests import receivers
from tests.api.api_client import ApiClient
from tests.cli.command import CommandResult, run_ccfs
from tests.receivers import HANG, OK, CallbackReceiver, run_receiver
from tests.server.ccfs_server import CcfsServer, run_server
from tests.workers.callbacks.callback_node import AK, SK, CallbackNode, make_export, open_callback_node, wait_until

DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}


@pytest.fixture
def callback_node(tmp_path: Path) -> Iterator[CallbackNode]:
    """A stage; its commands look at the same data."""
    with open_callback_node(tmp_path, "") as one:
        yield one


def run_deliveries(acme: CallbackNode, *arguments: object) -> CommandResult:
    return run_ccfs("deliveries", *arguments, settings={"CCFS_DATA": str(acme.node.settings.data)})


def list_deliveries(acme: CallbackNode, *arguments: object) -> Any:
    return run_deliveries(acme, "list", "--app", AK, "--json", *arguments).json["deliveries"]


@pytest.fixture
def dead_callbacks(callback_node: CallbackNode) -> Iterator[tuple[CallbackReceiver, str, str]]:
    """A receiver that refused two callbacks until they were given up, and takes them now; the ids."""
    with run_receiver(*[receivers.REJECT] * 4, OK) as there:
        callback_node.bind_prefix(there.prefix)
        with callback_node.run_callback_worker(attempts=2):
            first, second = callback_node.add_deliveries(there.url, there.url)
            wait_until(lambda: callback_node.count_by_state() == {"dead": 2})
        yield there, first, second


def test_the_dead_are_listed_shown_and_delivered_again(
    callback_node: CallbackNode, dead_callbacks: tuple[CallbackReceiver, str, str]
) -> None:
    there, first, second = dead_callbacks
    (delivered,) = callback_node.add_deliveries("http://192.0.2.1/")
    assert [one["id"] for one in list_deliveries(callback_node, "--state", "dead")] == [second, first]
    assert [one["id"] for one in list_deliveries(callback_node)] == [delivered, second, first]
    assert [one["id"] for one in list_deliveries(callback_node, "--limit", 1)] == [delivered]
    (found,) = [one for one in list_deliveries(callback_node, "--state", "dead") if one["id"] == first]
    assert {name: found[name] for name in ("responseId", "state", "attempts", "url", "due")} == {
        "responseId": first,
        "state": "dead",
        "attempts": 2,
        "url": there.url,
        "due": None,
    }

    shown = run_deliveries(callback_node, "show", "--app", AK, first, "--json").json
    assert shown["body"] == '{"request":{"version":"2.0"}}'
    assert [(one["status"], one["failure"], one["address"]) for one in shown["log"]] == [
        (200, "resultCode 1", "127.0.0.1")
    ] * 2
    assert shown["log"][0]["answer"] == '{"resultCode":"1","resultDesc":"failed"}'
    assert shown["log"][1]["next"] == "dead"
    assert shown["log"][0]["ms"] >= 0

    assert run_deliveries(callback_node, "retry", "--app", AK, first, "--json").json == {"retried": 1, "exports": 0}
    with callback_node.run_callback_worker():
        callback_node.wait_until_delivered(first)
    assert [one["id"] for one in list_deliveries(callback_node, "--state", "dead")] == [second]
    assert run_deliveries(callback_node, "retry", "--app", AK, "--json").json == {"retried": 1, "exports": 0}
    with callback_node.run_callback_worker():
        callback_node.wait_until_delivered(second)
    assert list_deliveries(callback_node, "--state", "dead") == []


def test_people_can_read_it(callback_node: CallbackNode, dead_callbacks: tuple[CallbackReceiver, str, str]) -> None:
    there, first, _ = dead_callbacks
    out = run_deliveries(callback_node, "list", "--app", AK).out
    assert f"{first}  dead       2 attempts  {there.url}" in out
    shown = run_deliveries(callback_node, "show", "--app", AK, first).out.splitlines()
    assert shown[0] == f"dead  {there.url}"
    assert [line.split("  ", 1)[1].split("  ")[2] for line in shown[2:]] == ["resultCode 1"] * 2
    assert run_deliveries(callback_node, "retry", "--app", AK, first).out == "1 callbacks and 0 exports are due again\n"


def test_what_is_not_there_or_not_finished_is_said(callback_node: CallbackNode) -> None:
    (due,) = callback_node.add_deliveries("http://192.0.2.1/")
    for arguments in (["show", "--app", AK, "0" * 32], ["retry", "--app", AK, due], ["list", "--app", "nobody"]):
        done = run_deliveries(callback_node, *arguments)
        assert done.code == 1
        assert done.err.startswith("ccfs: ")
    assert run_deliveries(callback_node, "list", "--app", AK, "--state", "lost").code == 2


def test_exports_that_were_put_aside_are_listed_and_tried_again(callback_node: CallbackNode) -> None:
    with callback_node.node.database.write_transaction() as connection:
        exports.add(connection, callback_node.app, make_export(7, "http://192.0.2.1/"))
        claimed = export_jobs.claim(connection, make_export(7, "").requested_at, "x", LEASE)
        assert claimed
        assert EXPORTS.mark_failed(connection, claimed, "OSError: no space left")
    found = run_deliveries(callback_node, "list", "--app", AK, "--json").json
    assert found == {
        "deliveries": [],
        "failed_exports": [{"responseId": f"{7:032x}", "error": "OSError: no space left"}],
    }
    assert "not made: OSError: no space left" in run_deliveries(callback_node, "list", "--app", AK).out
    assert run_deliveries(callback_node, "retry", "--app", AK, "--json").json == {"retried": 0, "exports": 1}
    assert run_deliveries(callback_node, "list", "--app", AK, "--json").json["failed_exports"] == []


def test_a_server_that_is_told_to_end_waits_for_no_receiver_that_hangs(tmp_path: Path) -> None:
    with run_receiver(HANG, OK) as there:
        with run_server(tmp_path, lock_failures=0) as server:
            number = request_export(server, there)
            wait_until(lambda: len(there.received) == 1)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            took = time.monotonic() - began
        assert took < 14  # an exchange may last 30
        assert server.process.returncode == 0
        print(f"ended {took:.1f} s after SIGTERM, a receiver hanging")
        with run_server(tmp_path, lock_failures=0) as server:
            wait_until(lambda: len(there.received) == 2)
            done = run_ccfs("deliveries", "show", "--app", AK, number, "--json", settings={"CCFS_DATA": str(tmp_path)})
            wait_until(lambda: server.read_log_lines("delivery_attempted") != [])
    assert [one.headers["webhook-id"] for one in there.received] == [number, number]
    assert done.json["log"][0]["failure"] == "cut off: this node stopped"


def request_export(server: CcfsServer, there: CallbackReceiver) -> str:
    """Ask for a day, of an app that is made for it."""
    with server.node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "acme", AK, utc_now())
        tenants.add_key(connection, app, AK, SK, server.node.secret_box, utc_now())
        tenants.bind_callback(connection, app, there.prefix)
    client = ApiClient(server=server, ak=AK, sk=SK)
    reply = client.request("queryBillData", {**DAY_PERIOD, "callBackURL": there.url})
    return str(reply.json["resultData"]["responseId"])

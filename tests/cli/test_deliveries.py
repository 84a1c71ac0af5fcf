"""`ccfs deliveries`, and `ccfs serve` stopped while a receiver hangs."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccfs.db.job_queue import EXPORTS
from ccfs.db.system import tenants
from ccfs.db.system.jobs import export_jobs
from ccfs.db.tenant import exports
from ccfs.server.node import utc_now
from ccfs.workers.exports.worker import LEASE
from tests import receivers
from tests.api.api_client import ApiClient
from tests.cli.command import CommandResult, run_ccfs
from tests.receivers import HANG, OK, CallbackReceiver, run_receiver
from tests.server.ccfs_server import CcfsServer, run_server
from tests.waiting import wait_until
from tests.workers.callbacks.callback_node import AK, SK, CallbackNode, make_export, open_callback_node

DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}


@pytest.fixture
def callback_node(tmp_path: Path) -> Iterator[CallbackNode]:
    """A node whose data folder the commands use, too."""
    with open_callback_node(tmp_path, "") as node:
        yield node


def run_deliveries(acme: CallbackNode, *arguments: object) -> CommandResult:
    return run_ccfs("deliveries", *arguments, settings={"CCFS_DATA": str(acme.node.settings.data)})


def list_deliveries(acme: CallbackNode, *arguments: object) -> Any:
    return run_deliveries(acme, "list", "--app", AK, "--json", *arguments).json["deliveries"]


@pytest.fixture
def dead_callbacks(callback_node: CallbackNode) -> Iterator[tuple[CallbackReceiver, str, str]]:
    """Yield a receiver that rejected two callbacks until they were dead and accepts them now, and their ids."""
    with run_receiver(*[receivers.REJECT] * 4, OK) as receiver:
        callback_node.bind_prefix(receiver.prefix)
        with callback_node.run_callback_worker(attempts=2):
            first, second = callback_node.add_deliveries(receiver.url, receiver.url)
            wait_until(lambda: callback_node.count_by_state() == {"dead": 2})
        yield receiver, first, second


def test_dead_callbacks_are_listed_shown_and_retried(
    callback_node: CallbackNode, dead_callbacks: tuple[CallbackReceiver, str, str]
) -> None:
    receiver, first, second = dead_callbacks
    (delivered,) = callback_node.add_deliveries("http://192.0.2.1/")
    assert [row["id"] for row in list_deliveries(callback_node, "--state", "dead")] == [second, first]
    assert [row["id"] for row in list_deliveries(callback_node)] == [delivered, second, first]
    assert [row["id"] for row in list_deliveries(callback_node, "--limit", 1)] == [delivered]
    (delivery,) = [row for row in list_deliveries(callback_node, "--state", "dead") if row["id"] == first]
    assert {name: delivery[name] for name in ("responseId", "state", "attempts", "url", "due")} == {
        "responseId": first,
        "state": "dead",
        "attempts": 2,
        "url": receiver.url,
        "due": None,
    }

    shown = run_deliveries(callback_node, "show", "--app", AK, first, "--json").json
    assert shown["body"] == '{"request":{"version":"2.0"}}'
    assert [(row["status"], row["failure"], row["address"]) for row in shown["log"]] == [
        (200, "resultCode 1", "127.0.0.1")
    ] * 2
    assert shown["log"][0]["response"] == '{"resultCode":"1","resultDesc":"failed"}'
    assert shown["log"][1]["next"] == "dead"
    assert shown["log"][0]["ms"] >= 0

    assert run_deliveries(callback_node, "retry", "--app", AK, first, "--json").json == {"retried": 1, "exports": 0}
    with callback_node.run_callback_worker():
        callback_node.wait_until_delivered(first)
    assert [row["id"] for row in list_deliveries(callback_node, "--state", "dead")] == [second]
    assert run_deliveries(callback_node, "retry", "--app", AK, "--json").json == {"retried": 1, "exports": 0}
    with callback_node.run_callback_worker():
        callback_node.wait_until_delivered(second)
    assert list_deliveries(callback_node, "--state", "dead") == []


def test_deliveries_are_listed_and_shown_as_text(
    callback_node: CallbackNode, dead_callbacks: tuple[CallbackReceiver, str, str]
) -> None:
    receiver, first, _ = dead_callbacks
    out = run_deliveries(callback_node, "list", "--app", AK).out
    assert f"{first}  dead       2 attempts  {receiver.url}" in out
    shown = run_deliveries(callback_node, "show", "--app", AK, first).out.splitlines()
    assert shown[0] == f"dead  {receiver.url}"
    assert [line.split("  ", 1)[1].split("  ")[2] for line in shown[2:]] == ["resultCode 1"] * 2
    assert run_deliveries(callback_node, "retry", "--app", AK, first).out == "callbacks due again: 1, exports: 0\n"


def test_unknown_and_unfinished_deliveries_are_reported(callback_node: CallbackNode) -> None:
    (due,) = callback_node.add_deliveries("http://192.0.2.1/")
    for arguments in (["show", "--app", AK, "0" * 32], ["retry", "--app", AK, due], ["list", "--app", "nobody"]):
        done = run_deliveries(callback_node, *arguments)
        assert done.code == 1
        assert done.err.startswith("ccfs: ")
    assert run_deliveries(callback_node, "list", "--app", AK, "--state", "lost").code == 2


def test_failed_exports_are_listed_and_retried(callback_node: CallbackNode) -> None:
    with callback_node.node.database.write_transaction() as connection:
        exports.add(connection, callback_node.app, make_export(7, "http://192.0.2.1/"))
        claimed = export_jobs.claim(connection, make_export(7, "").requested_at, "x", LEASE)
        assert claimed
        assert EXPORTS.mark_failed(connection, claimed, "OSError: no space left")
    listed = run_deliveries(callback_node, "list", "--app", AK, "--json").json
    assert listed == {
        "deliveries": [],
        "failed_exports": [{"responseId": f"{7:032x}", "error": "OSError: no space left"}],
    }
    assert "export failed: OSError: no space left" in run_deliveries(callback_node, "list", "--app", AK).out
    assert run_deliveries(callback_node, "retry", "--app", AK, "--json").json == {"retried": 0, "exports": 1}
    assert run_deliveries(callback_node, "list", "--app", AK, "--json").json["failed_exports"] == []


def test_a_stopping_server_does_not_wait_for_a_hanging_receiver(tmp_path: Path) -> None:
    with run_receiver(HANG, OK) as receiver:
        with run_server(tmp_path, lock_failures=0) as server:
            number = request_export(server, receiver)
            wait_until(lambda: len(receiver.received) == 1)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            took = time.monotonic() - began
        assert took < 14  # an exchange may last 30
        assert server.process.returncode == 0
        print(f"ended {took:.1f} s after SIGTERM, a receiver hanging")
        with run_server(tmp_path, lock_failures=0) as server:
            wait_until(lambda: len(receiver.received) == 2)
            done = run_ccfs("deliveries", "show", "--app", AK, number, "--json", settings={"CCFS_DATA": str(tmp_path)})
            wait_until(lambda: server.read_log_lines("delivery_attempted") != [])
    assert [row.headers["webhook-id"] for row in receiver.received] == [number, number]
    assert done.json["log"][0]["failure"] == "cut off: this node stopped"


def request_export(server: CcfsServer, receiver: CallbackReceiver) -> str:
    """Create an app and request an export of one day; return the responseId."""
    with server.node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "acme", AK, utc_now())
        tenants.add_key(connection, app, AK, SK, server.node.secret_box, utc_now())
        tenants.bind_callback(connection, app, receiver.prefix)
    client = ApiClient(server=server, ak=AK, sk=SK)
    reply = client.request("queryBillData", {**DAY_PERIOD, "callBackURL": receiver.url})
    return str(reply.json["resultData"]["responseId"])

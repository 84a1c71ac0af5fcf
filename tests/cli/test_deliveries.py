"""`ccfs deliveries` as operators use it, and `ccfs serve` told to end while a receiver hangs."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccfs.db.system import tenants
from ccfs.db.tenant import exports
from ccfs.server.node import utc_now
from ccfs.workers.exports.worker import LEASE
from tests import receivers
from tests.cli.command import Done, ccfs
from tests.receivers import HANGS, OK, Receiver, receiver
from tests.web.callers import Caller
from tests.web.serving import Server, serving
from tests.work.announcing import AK, SK, Stage, exported, stage, until

DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Stage]:
    """A stage; its commands look at the same data."""
    with stage(tmp_path, "") as one:
        yield one


def run(acme: Stage, *arguments: object) -> Done:
    return ccfs("deliveries", *arguments, settings={"CCFS_DATA": str(acme.node.settings.data)})


def listed(acme: Stage, *arguments: object) -> Any:
    return run(acme, "list", "--app", AK, "--json", *arguments).json["deliveries"]


@pytest.fixture
def dead(acme: Stage) -> Iterator[tuple[Receiver, str, str]]:
    """A receiver that refused two callbacks until they were given up, and takes them now; the ids."""
    with receiver(*[receivers.REFUSES] * 4, OK) as there:
        acme.bind(there.prefix)
        with acme.announcing(attempts=2):
            first, second = acme.announce(there.url, there.url)
            until(lambda: acme.counts() == {"dead": 2})
        yield there, first, second


def test_the_dead_are_listed_shown_and_delivered_again(acme: Stage, dead: tuple[Receiver, str, str]) -> None:
    there, first, second = dead
    (delivered,) = acme.announce("http://192.0.2.1/")
    assert [one["id"] for one in listed(acme, "--state", "dead")] == [second, first]
    assert [one["id"] for one in listed(acme)] == [delivered, second, first]
    assert [one["id"] for one in listed(acme, "--limit", 1)] == [delivered]
    (found,) = [one for one in listed(acme, "--state", "dead") if one["id"] == first]
    assert {name: found[name] for name in ("responseId", "state", "attempts", "url", "due")} == {
        "responseId": first,
        "state": "dead",
        "attempts": 2,
        "url": there.url,
        "due": None,
    }

    shown = run(acme, "show", "--app", AK, first, "--json").json
    assert shown["body"] == '{"request":{"version":"2.0"}}'
    assert [(one["status"], one["failure"], one["address"]) for one in shown["log"]] == [
        (200, "resultCode 1", "127.0.0.1")
    ] * 2
    assert shown["log"][0]["answer"] == '{"resultCode":"1","resultDesc":"failed"}'
    assert shown["log"][1]["next"] == "dead"
    assert shown["log"][0]["ms"] >= 0

    assert run(acme, "retry", "--app", AK, first, "--json").json == {"retried": 1, "exports": 0}
    with acme.announcing():
        acme.delivered(first)
    assert [one["id"] for one in listed(acme, "--state", "dead")] == [second]
    assert run(acme, "retry", "--app", AK, "--json").json == {"retried": 1, "exports": 0}
    with acme.announcing():
        acme.delivered(second)
    assert listed(acme, "--state", "dead") == []


def test_people_can_read_it(acme: Stage, dead: tuple[Receiver, str, str]) -> None:
    there, first, _ = dead
    out = run(acme, "list", "--app", AK).out
    assert f"{first}  dead       2 attempts  {there.url}" in out
    shown = run(acme, "show", "--app", AK, first).out.splitlines()
    assert shown[0] == f"dead  {there.url}"
    assert [line.split("  ", 1)[1].split("  ")[2] for line in shown[2:]] == ["resultCode 1"] * 2
    assert run(acme, "retry", "--app", AK, first).out == "1 callbacks and 0 exports are due again\n"


def test_what_is_not_there_or_not_finished_is_said(acme: Stage) -> None:
    (due,) = acme.announce("http://192.0.2.1/")
    for arguments in (["show", "--app", AK, "0" * 32], ["retry", "--app", AK, due], ["list", "--app", "nobody"]):
        done = run(acme, *arguments)
        assert done.code == 1
        assert done.err.startswith("ccfs: ")
    assert run(acme, "list", "--app", AK, "--state", "lost").code == 2


def test_exports_that_were_put_aside_are_listed_and_tried_again(acme: Stage) -> None:
    with acme.node.database.write_transaction() as connection:
        exports.add(connection, acme.app, exported(7, "http://192.0.2.1/"))
        claimed = exports.claim(connection, exported(7, "").requested_at, "x", LEASE)
        assert claimed
        assert exports.mark_failed(connection, claimed, "OSError: no space left")
    found = run(acme, "list", "--app", AK, "--json").json
    assert found == {
        "deliveries": [],
        "failed_exports": [{"responseId": f"{7:032x}", "error": "OSError: no space left"}],
    }
    assert "not made: OSError: no space left" in run(acme, "list", "--app", AK).out
    assert run(acme, "retry", "--app", AK, "--json").json == {"retried": 0, "exports": 1}
    assert run(acme, "list", "--app", AK, "--json").json["failed_exports"] == []


def test_a_server_that_is_told_to_end_waits_for_no_receiver_that_hangs(tmp_path: Path) -> None:
    with receiver(HANGS, OK) as there:
        with serving(tmp_path, lock_failures=0) as server:
            number = ask(server, there)
            until(lambda: len(there.received) == 1)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            took = time.monotonic() - began
        assert took < 14  # an exchange may last 30
        assert server.process.returncode == 0
        print(f"ended {took:.1f} s after SIGTERM, a receiver hanging")
        with serving(tmp_path, lock_failures=0) as server:
            until(lambda: len(there.received) == 2)
            done = ccfs("deliveries", "show", "--app", AK, number, "--json", settings={"CCFS_DATA": str(tmp_path)})
            until(lambda: server.log_lines("delivery_attempted") != [])
    assert [one.headers["webhook-id"] for one in there.received] == [number, number]
    assert done.json["log"][0]["failure"] == "cut off: this node stopped"


def ask(server: Server, there: Receiver) -> str:
    """Ask for a day, of an app that is made for it."""
    with server.node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "acme", AK, utc_now())
        tenants.add_key(connection, app, AK, SK, server.node.secret_box, utc_now())
        tenants.bind_callback(connection, app, there.prefix)
    client = Caller(server=server, ak=AK, sk=SK)
    reply = client.ask("queryBillData", {**DAY, "callBackURL": there.url})
    return str(reply.json["resultData"]["responseId"])

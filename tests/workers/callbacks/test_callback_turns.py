"""Callbacks of several apps to one receiver, on real sockets and both engines: one that hangs or waits delays no other."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from socket import socket

import pytest

from ccfs.db.system import tenants
from ccfs.model.exports.delivery import DeliveryState
from ccfs.server.node import utc_now
from tests import databases
from tests.receivers import OK, CallbackReceiver, run_receiver
from tests.waiting import wait_until
from tests.workers.callbacks.callback_node import CallbackNode, open_callback_node


@pytest.fixture(params=["sqlite", "postgresql"])
def two_apps(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[CallbackNode, CallbackNode]]:
    """A node as two apps see it."""
    if request.param == "sqlite":
        with open_callback_node(tmp_path, "") as node:
            yield node, add_second_app(node)
    else:
        url = request.getfixturevalue("postgres_url")
        with databases.create_database(url) as own, open_callback_node(tmp_path, own) as node:
            yield node, add_second_app(node)


def add_second_app(first: CallbackNode) -> CallbackNode:
    with first.node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "bolt", "BOLTAK0001", utc_now())
        tenants.add_key(connection, app, app.ak, "the-secret-of-bolt", first.node.secret_box, utc_now())
    return replace(first, app=app, numbers=count(1_000_000))


def hang_for_one_path(connection: socket, receiver: CallbackReceiver) -> bool:
    """Respond to nobody until a callback to /quick has arrived on this connection."""
    with receiver.lock:
        newest = receiver.received[-1]
    if newest.target == "/quick":
        return OK(connection, receiver)
    receiver.closing.wait()
    return False


def test_an_app_whose_path_hangs_does_not_delay_another_app_on_the_same_host(
    two_apps: tuple[CallbackNode, CallbackNode],
) -> None:
    acme, bolt = two_apps
    with run_receiver(hang_for_one_path) as receiver:
        acme.bind_prefix(receiver.prefix)
        bolt.bind_prefix(receiver.prefix)
        acme.add_deliveries(*[receiver.prefix + "hang"] * 50)
        with acme.run_callback_worker():
            wait_until(lambda: receiver.received)
            for _ in range(5):
                (delivery_id,) = bolt.add_deliveries(receiver.prefix + "quick")
                bolt.wait_until_delivered(delivery_id)
            assert {got.target for got in receiver.received} == {"/hang", "/quick"}
            receiver.closing.set()  # lets the worker stop


def test_a_thousand_callbacks_of_an_app_delay_one_of_another_by_those_under_way(
    two_apps: tuple[CallbackNode, CallbackNode],
) -> None:
    acme, bolt = two_apps

    def respond_slowly(connection: socket, receiver: CallbackReceiver) -> bool:
        time.sleep(0.02)
        return OK(connection, receiver)

    with run_receiver(respond_slowly) as receiver:
        acme.bind_prefix(receiver.prefix)
        bolt.bind_prefix(receiver.prefix)
        acme.add_deliveries(*[receiver.url] * 1000)
        (delivery_id,) = bolt.add_deliveries(receiver.prefix + "only")
        with acme.run_callback_worker():
            wait_until(lambda: bolt.get_delivery(delivery_id).state is DeliveryState.DELIVERED)
            at = [got.target for got in receiver.received].index("/only")
            assert at <= 40  # those of the first claims

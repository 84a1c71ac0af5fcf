"""Addresses and certificates of callback receivers, against real sockets of this machine."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from ccfs.model.exports.delivery import AttemptOutcome
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from ccfs.workers.callbacks.safe_network import ExchangeLimits
from tests import receivers
from tests.certificates import DAY, create_identity
from tests.receivers import CallbackReceiver, run_receiver, send_raw

SHORT_TIMEOUTS = ExchangeLimits(connect_seconds=0.4)
BODY = b'{"request":{"version":"2.0"}}'


def resolve_to(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    """Return a resolver that returns these addresses for every name."""
    return lambda host, port: addresses


@pytest.fixture
def http_client() -> Iterator[CallbackHttpClient]:
    """A client with the limits of a node."""
    with CallbackHttpClient() as client:
        yield client


def post_callback(client: CallbackHttpClient, receiver: CallbackReceiver) -> AttemptOutcome:
    """Post a callback to a receiver whose prefix is bound."""
    return client.post(receiver.url, {}, BODY, allowed_prefixes=[receiver.prefix])


class TestAddresses:
    """Bound prefixes, and addresses when the socket connects."""

    def test_callbacks_go_only_where_a_prefix_is_bound(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as receiver, run_receiver() as other:
            assert (
                http_client.post(receiver.url, {}, BODY, allowed_prefixes=[other.prefix]).failure == "address not bound"
            )
            assert (
                http_client.post("http://u@a.example/", {}, BODY, allowed_prefixes=[""]).failure == "not a callback URL"
            )
        assert receiver.connections == other.connections == 0

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"])
    def test_a_bound_name_that_resolves_to_an_internal_address_is_not_connected_to(self, address: str) -> None:
        with CallbackHttpClient(resolve=resolve_to(address)) as client, run_receiver() as receiver:
            prefix = receiver.build_prefix("rebound.example")
            outcome = client.post(prefix, {}, BODY, allowed_prefixes=[prefix])
        assert (outcome.failure, outcome.address) == ("address not allowed", "")
        assert receiver.connections == 0

    def test_a_private_name_may_resolve_to_internal_addresses_but_not_to_metadata(self) -> None:
        with (
            CallbackHttpClient(resolve=resolve_to("169.254.169.254", "127.0.0.1")) as client,
            run_receiver() as receiver,
        ):
            prefix, private = receiver.build_prefix("callbacks.internal"), {f"callbacks.internal:{receiver.port}"}
            outcome = client.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
            assert (outcome.failure, outcome.address) == ("", "127.0.0.1")
            assert receiver.received[0].headers["host"] == f"callbacks.internal:{receiver.port}"

    def test_an_app_cannot_use_the_internal_connection_of_another_app(self) -> None:
        with CallbackHttpClient(resolve=resolve_to("127.0.0.1")) as client, run_receiver() as receiver:
            prefix, private = receiver.build_prefix("callbacks.internal"), {f"callbacks.internal:{receiver.port}"}
            ours = client.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
            theirs = client.post(prefix, {}, BODY, allowed_prefixes=[prefix])
        assert (ours.failure, theirs.failure) == ("", "address not allowed")

    def test_localhost_may_be_called_where_it_is_bound(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as receiver:
            prefix = receiver.build_prefix("localhost")
            assert http_client.post(prefix, {}, BODY, allowed_prefixes=[prefix]).failure == ""

    def test_the_next_address_of_a_receiver_is_tried_where_one_refuses_connections(self) -> None:
        with CallbackHttpClient(resolve=resolve_to("127.0.0.2", "127.0.0.1")) as client, run_receiver() as receiver:
            prefix, private = receiver.build_prefix("two.internal"), {f"two.internal:{receiver.port}"}
            outcome = client.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
        assert (outcome.failure, outcome.address) == ("", "127.0.0.1")

    def test_a_receiver_name_that_does_not_exist(self) -> None:
        def fails(host: str, port: int) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        for resolve in (fails, resolve_to()):
            with CallbackHttpClient(resolve=resolve) as client:
                outcome = client.post("http://gone.example/", {}, BODY, allowed_prefixes=["http://gone.example/"])
            assert outcome.failure == "name does not resolve"

    def test_a_receiver_name_that_never_resolves_times_out(self) -> None:
        released = threading.Event()
        with CallbackHttpClient(limits=SHORT_TIMEOUTS, resolve=lambda host, port: [str(released.wait(60))]) as client:
            outcome = client.post("http://slow.example/", {}, BODY, allowed_prefixes=["http://slow.example/"])
        released.set()
        assert outcome.failure == "timeout while connecting"
        assert outcome.milliseconds < 20_000  # before the resolver returns


AUTHORITY = create_identity("Test CA", is_authority=True)
SIGNED_BY_AUTHORITY = create_identity("127.0.0.1", issuer=AUTHORITY)
SELF_SIGNED = create_identity("127.0.0.1")


class TestCertificates:
    """Certificates of receivers."""

    @pytest.mark.parametrize(
        ("shown", "trusted", "failure_is"),
        [
            (SIGNED_BY_AUTHORITY, [AUTHORITY], ""),
            (SIGNED_BY_AUTHORITY, [SIGNED_BY_AUTHORITY], ""),  # the certificate itself, without its authority
            (SELF_SIGNED, [SELF_SIGNED], ""),
            (SIGNED_BY_AUTHORITY, [SELF_SIGNED], "certificate is not trusted: unable to get local issuer certificate"),
            (SELF_SIGNED, [AUTHORITY], "certificate is not trusted: self-signed certificate"),
            (create_identity("127.0.0.1", issuer=AUTHORITY, ends=-DAY), [AUTHORITY], "certificate has expired"),
            (
                create_identity("127.0.0.1", issuer=AUTHORITY, ends=200 * DAY),
                [AUTHORITY],
                "certificate is not valid yet",
            ),
            (create_identity("127.0.0.2", issuer=AUTHORITY), [AUTHORITY], "certificate is for another host"),
            (create_identity("a.example", issuer=AUTHORITY), [AUTHORITY], "certificate is for another host"),
        ],
    )
    def test_the_certificate_of_a_receiver_is_verified(self, shown, trusted, failure_is) -> None:  # type: ignore[no-untyped-def]
        ders = [identity.der for identity in trusted]
        with (
            CallbackHttpClient(trusted=lambda: (1, ders)) as client,
            run_receiver(tls=shown.build_tls_context()) as receiver,
        ):
            outcome = post_callback(client, receiver)
        assert (outcome.failure, outcome.status) == (failure_is, 0 if failure_is else 200)

    def test_a_trusted_certificate_is_still_checked_for_expiry_and_host(self) -> None:
        for wrong, reason in (
            (create_identity("127.0.0.1", ends=-DAY), "certificate has expired"),
            (create_identity("a.example"), "certificate is for another host"),
        ):
            with (
                CallbackHttpClient(trusted=lambda wrong=wrong: (1, [wrong.der])) as client,  # type: ignore[misc]
                run_receiver(tls=wrong.build_tls_context()) as receiver,
            ):
                assert post_callback(client, receiver).failure == reason

    def test_the_certificate_is_verified_for_the_name_in_the_url(self) -> None:
        named = create_identity("cb.internal", issuer=AUTHORITY)
        with CallbackHttpClient(trusted=lambda: (1, [AUTHORITY.der]), resolve=resolve_to("127.0.0.1")) as client:
            for name, reason in (("cb.internal", ""), ("cc.internal", "certificate is for another host")):
                with run_receiver(tls=named.build_tls_context()) as receiver:
                    prefix, private = receiver.build_prefix(name), {f"{name}:{receiver.port}"}
                    outcome = client.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
                assert outcome.failure == reason

    def test_adding_and_removing_a_trusted_certificate_takes_effect_at_the_next_post(self) -> None:
        trusted: list[tuple[int, Sequence[bytes]]] = [(1, [])]
        with (
            CallbackHttpClient(trusted=lambda: trusted[-1]) as client,
            run_receiver(tls=SIGNED_BY_AUTHORITY.build_tls_context()) as receiver,
        ):
            assert post_callback(client, receiver).failure.startswith("certificate is not trusted")
            trusted.append((2, [AUTHORITY.der]))
            assert [post_callback(client, receiver).failure for _ in range(2)] == ["", ""]
            assert receiver.received[1].connection == receiver.received[0].connection
            trusted.append((3, []))
            assert post_callback(client, receiver).failure.startswith("certificate is not trusted")

    def test_a_stored_certificate_that_is_invalid_affects_no_other(self) -> None:
        with (
            CallbackHttpClient(trusted=lambda: (1, [b"junk", AUTHORITY.der])) as client,
            run_receiver(tls=SIGNED_BY_AUTHORITY.build_tls_context()) as receiver,
        ):
            assert post_callback(client, receiver).failure == ""

    def test_with_trust_all_every_certificate_is_accepted(self) -> None:
        stranger = create_identity("a.example", ends=-DAY)
        with CallbackHttpClient(trust_all=True) as client, run_receiver(tls=stranger.build_tls_context()) as receiver:
            assert post_callback(client, receiver).failure == ""

    def test_a_receiver_without_tls_and_one_without_a_handshake_fail(self, http_client: CallbackHttpClient) -> None:
        with run_receiver(send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as receiver:
            receiver.scheme = "https"
            assert post_callback(http_client, receiver).failure == "tls: wrong version number"
        with run_receiver(receivers.HANG) as receiver, CallbackHttpClient(limits=SHORT_TIMEOUTS) as client:
            receiver.scheme = "https"
            assert post_callback(client, receiver).failure == "timeout while connecting"

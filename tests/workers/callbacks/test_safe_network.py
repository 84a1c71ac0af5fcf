"""Where callbacks may go and whom they trust, against real sockets of this machine."""

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
    """A resolver to which every name leads there."""
    return lambda host, port: addresses


@pytest.fixture
def http_client() -> Iterator[CallbackHttpClient]:
    """One as a node has it."""
    with CallbackHttpClient() as egress:
        yield egress


def post_callback(egress: CallbackHttpClient, to: CallbackReceiver) -> AttemptOutcome:
    """A callback to a receiver that is bound by its address."""
    return egress.post(to.url, {}, BODY, allowed_prefixes=[to.prefix])


class TestWhereItMayGo:
    """Bound prefixes, and addresses when the socket opens."""

    def test_callbacks_go_only_where_a_prefix_is_bound(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as there, run_receiver() as other:
            assert http_client.post(there.url, {}, BODY, allowed_prefixes=[other.prefix]).failure == "address not bound"
            assert (
                http_client.post("http://u@a.example/", {}, BODY, allowed_prefixes=[""]).failure == "not a callback URL"
            )
        assert there.connections == other.connections == 0

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"])
    def test_a_bound_name_that_leads_inside_is_refused_before_anything_is_opened(self, address: str) -> None:
        with CallbackHttpClient(resolve=resolve_to(address)) as egress, run_receiver() as there:
            prefix = there.build_prefix("rebound.example")
            outcome = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix])
        assert (outcome.failure, outcome.address) == ("address not allowed", "")
        assert there.connections == 0

    def test_a_name_bound_as_private_may_lead_inside_but_to_no_metadata(self) -> None:
        with CallbackHttpClient(resolve=resolve_to("169.254.169.254", "127.0.0.1")) as egress, run_receiver() as there:
            prefix, private = there.build_prefix("callbacks.internal"), {f"callbacks.internal:{there.port}"}
            outcome = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
            assert (outcome.failure, outcome.address) == ("", "127.0.0.1")
            assert there.received[0].headers["host"] == f"callbacks.internal:{there.port}"

    def test_an_open_connection_inside_is_no_use_to_an_app_that_may_not_go_there(self) -> None:
        with CallbackHttpClient(resolve=resolve_to("127.0.0.1")) as egress, run_receiver() as there:
            prefix, private = there.build_prefix("callbacks.internal"), {f"callbacks.internal:{there.port}"}
            ours = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
            theirs = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix])
        assert (ours.failure, theirs.failure) == ("", "address not allowed")

    def test_localhost_is_this_machine_where_it_is_bound(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as there:
            prefix = there.build_prefix("localhost")
            assert http_client.post(prefix, {}, BODY, allowed_prefixes=[prefix]).failure == ""

    def test_the_next_address_of_a_receiver_is_tried_where_one_refuses(self) -> None:
        with CallbackHttpClient(resolve=resolve_to("127.0.0.2", "127.0.0.1")) as egress, run_receiver() as there:
            prefix, private = there.build_prefix("two.internal"), {f"two.internal:{there.port}"}
            outcome = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
        assert (outcome.failure, outcome.address) == ("", "127.0.0.1")

    def test_a_receiver_name_that_does_not_exist(self) -> None:
        def fails(host: str, port: int) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        for resolve in (fails, resolve_to()):
            with CallbackHttpClient(resolve=resolve) as egress:
                outcome = egress.post("http://gone.example/", {}, BODY, allowed_prefixes=["http://gone.example/"])
            assert outcome.failure == "name does not resolve"

    def test_a_receiver_name_that_takes_for_ever_to_resolve(self) -> None:
        ever = threading.Event()
        with CallbackHttpClient(limits=SHORT_TIMEOUTS, resolve=lambda host, port: [str(ever.wait(60))]) as egress:
            outcome = egress.post("http://slow.example/", {}, BODY, allowed_prefixes=["http://slow.example/"])
        ever.set()
        assert outcome.failure == "timeout while connecting"
        assert outcome.milliseconds < 20_000  # the name takes longer


AUTHORITY = create_identity("Test CA", is_authority=True)
SIGNED_BY_AUTHORITY = create_identity("127.0.0.1", issuer=AUTHORITY)
SELF_SIGNED = create_identity("127.0.0.1")


class TestWhomItTrusts:
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
        ders = [one.der for one in trusted]
        with CallbackHttpClient(trusted=lambda: (1, ders)) as egress, run_receiver(tls=shown.tls()) as there:
            outcome = post_callback(egress, there)
        assert (outcome.failure, outcome.status) == (failure_is, 0 if failure_is else 200)

    def test_trusting_itself_does_not_excuse_an_expired_certificate_or_another_host(self) -> None:
        for wrong, reason in (
            (create_identity("127.0.0.1", ends=-DAY), "certificate has expired"),
            (create_identity("a.example"), "certificate is for another host"),
        ):
            with (
                CallbackHttpClient(trusted=lambda wrong=wrong: (1, [wrong.der])) as egress,  # type: ignore[misc]
                run_receiver(tls=wrong.build_tls_context()) as there,
            ):
                assert post_callback(egress, there).failure == reason

    def test_the_name_of_the_url_is_verified_not_that_of_the_address(self) -> None:
        named = create_identity("cb.internal", issuer=AUTHORITY)
        with CallbackHttpClient(trusted=lambda: (1, [AUTHORITY.der]), resolve=resolve_to("127.0.0.1")) as egress:
            for name, reason in (("cb.internal", ""), ("cc.internal", "certificate is for another host")):
                with run_receiver(tls=named.build_tls_context()) as there:
                    prefix, private = there.build_prefix(name), {f"{name}:{there.port}"}
                    outcome = egress.post(prefix, {}, BODY, allowed_prefixes=[prefix], private_hosts=private)
                assert outcome.failure == reason

    def test_a_trusted_certificate_counts_from_the_next_post_on_and_so_does_a_removed_one(self) -> None:
        trusted: list[tuple[int, Sequence[bytes]]] = [(1, [])]
        with (
            CallbackHttpClient(trusted=lambda: trusted[-1]) as egress,
            run_receiver(tls=SIGNED_BY_AUTHORITY.build_tls_context()) as there,
        ):
            assert post_callback(egress, there).failure.startswith("certificate is not trusted")
            trusted.append((2, [AUTHORITY.der]))
            assert [post_callback(egress, there).failure for _ in range(2)] == ["", ""]
            assert there.received[1].connection == there.received[0].connection
            trusted.append((3, []))
            assert post_callback(egress, there).failure.startswith("certificate is not trusted")

    def test_a_row_that_is_no_certificate_spoils_no_other_certificate(self) -> None:
        with (
            CallbackHttpClient(trusted=lambda: (1, [b"junk", AUTHORITY.der])) as egress,
            run_receiver(tls=SIGNED_BY_AUTHORITY.build_tls_context()) as there,
        ):
            assert post_callback(egress, there).failure == ""

    def test_every_certificate_is_trusted_where_the_operator_wants_that(self) -> None:
        stranger = create_identity("a.example", ends=-DAY)
        with CallbackHttpClient(trust_all=True) as egress, run_receiver(tls=stranger.build_tls_context()) as there:
            assert post_callback(egress, there).failure == ""

    def test_a_receiver_without_tls_and_one_that_does_not_shake_hands(self, http_client: CallbackHttpClient) -> None:
        with run_receiver(send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as there:
            there.scheme = "https"
            assert post_callback(http_client, there).failure == "tls: wrong version number"
        with run_receiver(receivers.HANG) as there, CallbackHttpClient(limits=SHORT_TIMEOUTS) as hasty:
            there.scheme = "https"
            assert post_callback(hasty, there).failure == "timeout while connecting"

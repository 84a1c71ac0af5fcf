"""The only HTTP that goes out: callbacks. One post, one outcome; when it is repeated, signed and recorded is not decided here.

Proxies of the environment are not asked and redirects not followed. Connections are kept alive for a while, each for posts
that may reach as far as it does: what one app may reach, another gains nothing from.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import httpcore2

from ccfs.model.callback_url import CallbackUrl, callback_url, is_bound
from ccfs.model.delivery import Outcome
from ccfs.work.addresses import reach_of
from ccfs.work.lines import Idle, Line, key_of
from ccfs.work.sockets import Broken, Dropped, Guard, Limits, Resolve, system_resolve
from ccfs.work.trust import Trust, Trusted
from ccfs.work.verdict import failure_of, retry_after

KEPT_ANSWER = 1024  # bytes of an answer that an outcome keeps


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """One post: what is sent, and as much as came back."""

    target: CallbackUrl
    request: httpcore2.Request
    deadline: float  # of time.monotonic()
    address: str = ""
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    retry_after: timedelta | None = None


class Egress:
    """Posts callbacks; for any number of threads at once, none of which waits for another's receiver."""

    def __init__(
        self,
        *,
        trusted: Trusted = lambda: (0, ()),
        trust_all: bool = False,
        limits: Limits | None = None,
        resolve: Resolve = system_resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        idle: Idle | None = None,
    ) -> None:
        """`trusted` is asked before every https post, so it should be quick; `trust_all` verifies no certificate."""
        self._trust = Trust(trusted, trust_all=trust_all)
        self._limits = limits or Limits()
        self._resolve = resolve
        self._now = now
        self._idle = idle or Idle()

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str] = frozenset(),
    ) -> Outcome:
        """Send one callback: the outcome, whatever becomes of it; nothing is raised for what the far side does.

        Host and Content-Length are added where `headers` lack them. `private_hosts` are the host:port of bound names that
        may lead to internal addresses. The outcome's `at` is the moment when it was known.
        """
        began = time.monotonic()
        target = callback_url(url)
        if not (target and is_bound(target, allowed_prefixes)):
            return Outcome(at=self._now(), failure="address not bound" if target else "not a callback URL")
        request = _request(target, headers, body)
        exchange = _Exchange(target=target, request=request, deadline=began + self._limits.whole)
        failure = self._attempt(exchange, private_hosts)
        return Outcome(
            at=self._now(),
            address=exchange.address,
            status=exchange.status,
            milliseconds=round((time.monotonic() - began) * 1000),
            answer=bytes(exchange.body[:KEPT_ANSWER]),
            failure=failure,
            retry_after=exchange.retry_after,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everyone; posts under way go on to their end."""
        self._idle.close()

    def _attempt(self, exchange: _Exchange, private_hosts: Collection[str]) -> str:
        """Why it failed; empty where it did not. A refusing status says more than how its body broke off."""
        try:
            self._talk_once_or_twice(exchange, private_hosts)
        except Broken as broken:
            if not exchange.status or 200 <= exchange.status < 300:
                return str(broken)
        return failure_of(exchange.status, bytes(exchange.body))

    def _talk_once_or_twice(self, exchange: _Exchange, private_hosts: Collection[str]) -> None:
        reach = reach_of(exchange.target, private_hosts)
        key = key_of(exchange.target, reach)
        context = self._trust.context() if exchange.target.scheme == "https" else None
        if line := self._idle.take(key, context):
            try:
                return self._talk(line, exchange)
            except Dropped:  # most likely it hung up before we spoke; if it did hear us, it hears us twice: same id
                if line.guard.received:
                    raise
        guard = Guard(reach, self._limits, self._resolve)
        return self._talk(Line(key, context, guard, self._idle.seconds), exchange)

    def _talk(self, line: Line, exchange: _Exchange) -> None:
        line.guard.begin(exchange.deadline)
        try:
            response = line.http.handle_request(exchange.request)
            try:
                self._read(response, exchange)
            finally:
                response.close()
        except httpcore2.RemoteProtocolError:
            raise _unreadable(line, exchange) from None
        finally:
            exchange.address = line.guard.address
        self._idle.give(line)

    def _read(self, response: httpcore2.Response, exchange: _Exchange) -> None:
        """Status, what is of interest in the headers, and the body up to the limit."""
        exchange.status = response.status
        for name, value in response.headers:
            if name.lower() == b"retry-after":
                exchange.retry_after = retry_after(value.decode("latin-1").strip(), self._now())
        for piece in response.iter_stream():
            exchange.body += piece
            if len(exchange.body) >= self._limits.answer:
                break  # the rest stays with the receiver: an answer that is not at its end is hung up on


def _unreadable(line: Line, exchange: _Exchange) -> Broken:
    if not line.guard.received:
        return Dropped("closed without an answer")
    return Broken("answer cut short" if exchange.status else "answer is not HTTP")


def _request(target: CallbackUrl, headers: Mapping[str, str], body: bytes) -> httpcore2.Request:
    given = {name.lower() for name in headers}
    needed = {"Host": target.host_header, "Content-Length": str(len(body))}
    added = [(name, value) for name, value in needed.items() if name.lower() not in given]
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target)
    return httpcore2.Request("POST", url, headers=[*added, *headers.items()], content=body)

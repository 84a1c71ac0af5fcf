"""The same on PostgreSQL: every door opens for its owner and for nobody else, tokens play, bad signatures lock."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ccfs.db.system.tenant_cache import TenantCache
from ccfs.protocol.operations import BASE_PATH
from tests import servers
from tests.cast import Cast, fill
from tests.web.callers import Caller, caller, send
from tests.web.doors import assert_refused, doors, labels
from tests.web.serving import Server, serving


@pytest.fixture(scope="module")
def elephant(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a PostgreSQL database of its own."""
    data: Path = tmp_path_factory.mktemp("elephant")
    with (
        servers.database(postgres_url) as url,
        serving(data, database_url=url, lock_failures=3, lock_seconds=60) as one,
    ):
        yield one


@pytest.fixture(scope="module")
def troupe(elephant: Server) -> Cast:
    """The cast in it."""
    return fill(elephant.node)


@pytest.fixture(scope="module")
def ours(elephant: Server, troupe: Cast) -> Caller:
    """A client of the first app."""
    return caller(elephant, troupe.acme)


@pytest.mark.parametrize("label", labels())
def test_a_door_opens_for_its_owner_alone(ours: Caller, troupe: Cast, label: str) -> None:
    theirs = caller(ours.server, troupe.bolt)
    operation, msg_body = doors(troupe.acme, there=True)[label]
    foreign, absent = theirs.ask(operation, msg_body), theirs.ask(*doors(troupe.bolt, there=False)[label])
    assert_refused(foreign, operation)
    assert foreign.without("x-request-id", "date") == absent.without("x-request-id", "date")
    reply = ours.ask(operation, msg_body)
    assert reply.headers["content-type"].startswith("Application/Octet") or reply.code == "0"


def test_a_token_plays(ours: Caller, troupe: Cast) -> None:
    token = ours.ask("requestPlayVoice", {"fileName": troupe.acme.one.file_name}).json["resultData"]["token"]
    for st in (token, troupe.acme.token):
        reply = send(ours.server, "GET", f"{BASE_PATH}playVoice?st={st}")
        assert reply.body == troupe.acme.audio[troupe.acme.one.file_name]
    assert send(ours.server, "GET", f"{BASE_PATH}playVoice?st={troupe.acme.old_token}").code == "010107"


@pytest.mark.parametrize("name", ["a\\u0000b", "\ud800"])
def test_what_postgresql_cannot_keep_is_refused_before_it_is_asked(ours: Caller, name: str) -> None:
    body = f'{{"request":{{"version":"2.0"}},"msgBody":{{"fileName":"{name}"}}}}'.encode("utf-8", "surrogatepass")
    assert ours.post(BASE_PATH + "downloadRecordFile", body).code == "0300004"
    assert send(ours.server, "GET", f"{BASE_PATH}playVoice?st=a%00b%ff").code == "010107"


def test_bad_signatures_lock_within_a_second(ours: Caller) -> None:
    attacker = replace(ours, sk="wrong", source="127.0.0.31")
    statuses = [attacker.ask("downloadRecord", {"callId": "none"}).status for _ in range(3)]
    assert statuses == [401] * 3
    time.sleep(TenantCache.MAX_AGE_SECONDS)
    assert attacker.ask("downloadRecord", {"callId": "none"}).status == 403

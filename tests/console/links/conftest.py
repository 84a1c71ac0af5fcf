"""A server with guest links that locks out after five failures, with a recording of three seconds, and its clients."""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.system.console.users import hash_token
from ccfs.model.identity.audit import AuditAction
from ccfs.model.recordings import wav
from ccfs.model.recordings.recording import Recording
from tests.api.api_client import Reply
from tests.console.call_centre_data import CallCentreData, create_call_centre
from tests.console.console_client import ConsoleClient
from tests.media.audio_samples import CALL_ID, add_audio_recording
from tests.server.ccfs_server import CcfsServer, run_server

RATE, LIMIT = 8000, 5
LINK_PASSWORD = "for the lawyer only"
SAMPLES = array("h", [number % 20_000 for number in range(3 * RATE)]).tobytes()
SECRET_CHUNK = b"LIST\x1a\0\0\0INFOICMT\x0e\0\0\0caller 0123456"


@dataclass(kw_only=True)
class GuestLinkSite:
    """A server, and what its guests and users do."""

    server: CcfsServer
    data: CallCentreData
    recording: Recording
    guests: int = 0
    users: dict[str, ConsoleClient] = field(default_factory=dict)

    def sign_in(self, name: str) -> ConsoleClient:
        """Return the signed-in client of a user."""
        if name not in self.users:
            self.users[name] = ConsoleClient(server=self.server)
            assert self.users[name].sign_in(name).status == 303
        return self.users[name]

    def make_guest(self, language: str = "en") -> ConsoleClient:
        """Return the client of somebody without an account, at an address of its own."""
        self.guests += 1
        return ConsoleClient(server=self.server, source=f"127.0.1.{self.guests}", language=language)

    def request_link(self, who: str = "emil", **fields: str) -> Reply:
        """Return the response to the form of a link, of the whole recording unless the fields say otherwise."""
        usual = {"account": self.data.account_param, "id": CALL_ID, "recording": self.recording.file_name}
        return self.sign_in(who).post("/console/links", **usual | {"hours": "24"} | fields)

    def make_link(self, who: str = "emil", **fields: str) -> str:
        """Make a link and return its token."""
        reply = self.request_link(who, **fields)
        assert reply.status == 303, reply.body.decode()
        return read_link_token(self.sign_in(who), reply)

    def open_link(self, guest: ConsoleClient, token: str, password: str = "") -> Reply:
        """Return the response to the button that plays, as a browser sends it from a page without a referrer."""
        return guest.post("/console/guest", origin="null", link=token, **({"password": password} if password else {}))

    def hear(self, guest: ConsoleClient, token: str, **headers: str) -> Reply:
        """Return audio."""
        return guest.get(f"/console/guest/audio?{urlencode({'link': token})}", **headers)

    def show(self, guest: ConsoleClient, token: str) -> Reply:
        """Return the page of a link."""
        return guest.get(f"/console/guest?{urlencode({'link': token})}")

    def change_row(self, token: str, **values: Any) -> int:
        """Change the row of a link and return its id."""
        table = schema.guest_links
        row = sa.update(table).where(table.c.digest == hash_token(token)).values(**values).returning(table.c.id)
        with self.server.node.database.write_transaction() as connection:
            return int(connection.execute(row).scalar_one())

    def list_targets(self, action: AuditAction, actor: str) -> list[str]:
        """Return the targets of audit entries, oldest first."""
        table = schema.audit_log
        query = sa.select(table.c.target).where(table.c.action == action, table.c.actor == actor).order_by(table.c.id)
        with self.server.node.database.read_transaction() as connection:
            return list(connection.execute(query).scalars())


def read_link_token(client: ConsoleClient, reply: Reply) -> str:
    """Return the token of a new link from the page to which its form leads."""
    found = re.search(r'id="link">([^<]+)<', client.get(reply.headers["location"]).body.decode())
    assert found
    return parse_qs(urlsplit(unescape(found[1])).query)["link"][0]


def make_wav() -> bytes:
    """Return a WAV that also holds a text about the caller."""
    header = wav.build_header(tag=wav.PCM, rate=RATE, channels=1, bits=16, data_size=len(SAMPLES))
    size = len(header) - 8 + len(SAMPLES) + len(SECRET_CHUNK)
    return header[:4] + size.to_bytes(4, "little") + header[8:] + SAMPLES + SECRET_CHUNK


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuestLinkSite]:
    """The server, with guest links of acme's first account turned on."""
    folder = tmp_path_factory.mktemp("guests")
    with run_server(folder, lock_failures=LIMIT, guest_links="true", guest_link_max_days=7) as server:
        data = create_call_centre(server.node)
        recording = add_audio_recording(server.node, data.acme, "acme-account", "shared", make_wav(), CALL_ID, 3)
        with server.node.database.write_transaction() as connection:
            tenants.set_account_links(connection, data.acme, "acme-account", allows_links=True)
        yield GuestLinkSite(server=server, data=data, recording=recording)

"""A person's browser as far as the console's rules see it: cookies, forms, redirects. No expectation lives here."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from tests.api.api_client import Reply, send_request
from tests.server.ccfs_server import CcfsServer

PASSWORD = "a long enough password"


@dataclass(kw_only=True)
class ConsoleClient:
    """Somebody with a browser, signed in or not."""

    server: CcfsServer
    source: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    def get(self, path: str, **headers: str) -> Reply:
        """A page as it is answered; no redirect is followed."""
        return self._send("GET", path, headers)

    def post(self, path: str, *, origin: str | None = "own", **form: str) -> Reply:
        """A form as our own pages send it, with the token of this session unless `csrf` says otherwise."""
        given = {"origin": f"http://{self.server.host}" if origin == "own" else origin} if origin else {}
        fields = {"csrf": self.csrf} | form if "csrf" not in form and self.cookies.get("ccfs_session") else form
        headers = {"content-type": "application/x-www-form-urlencoded", **given}
        return self._send("POST", path, headers, urlencode(fields).encode())

    @property
    def csrf(self) -> str:
        """The token of this session's forms, read from a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/console/account").body.decode())
        return found[1] if found else ""

    def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Reply:
        """Through the front door."""
        return self.post("/console/login", name=name, password=password, csrf="", **more)

    def get_text(self, path: str) -> str:
        """What stands on a page, which must be there; without its tags."""
        reply = self.get(path)
        assert reply.status == 200, (path, reply.status, reply.body[-2000:])
        return extract_text(reply)

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Reply:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        usual = {"host": self.server.host, "accept-language": self.language} | ({"cookie": kept} if kept else {})
        reply = send_request(self.server, method, path, usual | headers, body, self.source)
        for name, value in re.findall(r"(ccfs_\w+)=([^;]*)", reply.headers.get("set-cookie", "")):
            self.cookies[name] = value
        return reply


def extract_text(reply: Reply) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", reply.body.decode())).split())

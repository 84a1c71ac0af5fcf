"""A console client with cookies, forms and CSRF tokens, as a browser has them."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from tests.api.api_client import Reply, send_request
from tests.server.ccfs_server import CcfsServer

PASSWORD = "a long enough password"


@dataclass(kw_only=True)
class ConsoleClient:
    """A client, signed in or not."""

    server: CcfsServer
    source: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    def get(self, path: str, **headers: str) -> Reply:
        """Return the response to a GET; no redirect is followed."""
        return self._send("GET", path, headers)

    def post(self, path: str, *, origin: str | None = "own", **form: str) -> Reply:
        """Return the response to a form as our own pages send it: with the session's CSRF token, the user's password and the
        answer to a question, unless they are given."""
        given = {"origin": f"http://{self.server.host}" if origin == "own" else origin} if origin else {}
        fields = (
            {"csrf": self.csrf, "password": PASSWORD, "confirmed": "yes"} | form
            if "csrf" not in form and self.cookies.get("ccfs_session")
            else form
        )
        headers = {"content-type": "application/x-www-form-urlencoded", **given}
        return self._send("POST", path, headers, urlencode(fields).encode())

    def post_and_follow(self, path: str, **form: str) -> Reply:
        """Return the page to which the response to a form redirects."""
        reply = self.post(path, **form)
        assert reply.status == 303, (path, reply.status, extract_text(reply))
        return self.get(reply.headers["location"])

    @property
    def csrf(self) -> str:
        """The CSRF token of the session, read from a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/console/account").body.decode())
        return found[1] if found else ""

    def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Reply:
        """Sign in by password."""
        return self.post("/console/login", name=name, password=password, csrf="", **more)

    def get_text(self, path: str) -> str:
        """Return the text of a page, which must exist."""
        reply = self.get(path)
        assert reply.status == 200, (path, reply.status, reply.body[-2000:])
        return extract_text(reply)

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Reply:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        defaults = {"host": self.server.host, "accept-language": self.language} | (
            {"cookie": cookies} if cookies else {}
        )
        reply = send_request(self.server, method, path, defaults | headers, body, self.source)
        for name, value in re.findall(r"(ccfs_\w+)=([^;]*)", reply.headers.get("set-cookie", "")):
            self.cookies[name] = value
        return reply


def extract_text(reply: Reply) -> str:
    """Return the text of a page, without tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", reply.body.decode())).split())

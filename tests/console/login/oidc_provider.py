"""An OpenID Connect provider: `python -m tests.console.login.oidc_provider PORT REDIRECT_URI`.

It checks redirect URI, PKCE and single use of codes. Tests override its responses to make them invalid.
"""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "ccfs-console", "a secret/with:signs"
LOGIN_FORM = """<!doctype html><html lang="en"><title>Provider</title><main><h1>Provider</h1>
<form method="post"><label>Who <input name="who"></label><button>Continue</button></form></main></html>"""


@dataclass(slots=True)
class ProviderState:
    """The provider's keys, codes and overrides."""

    issuer: str
    redirect_uri: str
    keys: list[RSAKey]
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)


def encode_invalid_token(header: dict[str, str], claims: dict[str, Any], key: bytes = b"") -> str:
    """Return a token that no library builds: unsigned, or signed with a public key as secret."""
    parts = [_encode_base64url(json.dumps(one).encode()) for one in (header, claims)]
    signature = hmac.digest(key, ".".join(parts).encode(), "sha256") if key else b""
    return ".".join([*parts, _encode_base64url(signature)])


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def issue_id_token(state: ProviderState, parameters: dict[str, str]) -> str:
    """Return the ID token, with the overrides."""
    now = int(time.time())
    true = {"iss": state.issuer, "aud": CLIENT_ID, "sub": f"id of {parameters['who']}", "iat": now, "exp": now + 300}
    true |= {"nonce": parameters["nonce"], "preferred_username": parameters["who"]}
    claims = {name: value for name, value in (true | state.overrides.get("claims", {})).items() if value is not None}
    key, how = state.keys[-1], state.overrides.get("signed", "well")
    header = {"alg": "RS256", "kid": str(key.kid)}
    if how == "none":
        return encode_invalid_token({"alg": "none"}, claims)
    if how == "by the public key":
        return encode_invalid_token({"alg": "HS256", "kid": str(key.kid)}, claims, key.as_pem(private=False))
    if how == "by another key":
        key = RSAKey.generate_key(2048)
    if how == "by a key that nobody knows":
        key, header = RSAKey.generate_key(2048), {"alg": "RS256", "kid": "unknown"}
    if how == "by a key within":
        key = RSAKey.generate_key(2048)
        header = {"alg": "RS256", "kid": "own", "jwk": key.as_dict(private=False)}  # type: ignore[dict-item]
        return _sign_with_jwk(header, claims, key)
    return jwt.encode(dict(header), claims, key, ["RS256"])


def _sign_with_jwk(header: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
    return jwt.encode(header, claims, key, ["RS256"])


class ProviderHandler(BaseHTTPRequestHandler):
    """Handler of one request."""

    state: ProviderState

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Respond with metadata, keys, or the login form."""
        path = urlsplit(self.path).path
        if self.state.overrides.get("down"):
            return self._send(503, b"down", "text/plain")
        if path == "/.well-known/openid-configuration":
            return self._send_json(self._metadata())
        if path == "/keys":
            keys = [one.as_dict(private=False) | {"use": "sig"} for one in self.state.keys]
            return self._send_json({"keys": [*keys, {"kty": "XX"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}]})
        if path == "/authorize":
            return self._send(200, LOGIN_FORM.encode(), "text/html")
        return self._send(200, b"Signed out there", "text/plain")  # browsers look for an icon, too

    def do_POST(self) -> None:
        """Accept the login form, exchange a code, or store a test's overrides."""
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        path = urlsplit(self.path).path
        if path == "/lies":
            self.state.overrides = json.loads(body)
            if self.state.overrides.get("new_key"):
                self.state.keys.append(_generate_key())
            return self._send_json({})
        if path == "/authorize":
            return self._handle_authorize(dict(parse_qsl(urlsplit(self.path).query)), dict(parse_qsl(body))["who"])
        return self._handle_token_request(dict(parse_qsl(body)))

    def _metadata(self) -> dict[str, Any]:
        issuer = self.state.issuer
        true: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
        }
        true |= {"jwks_uri": f"{issuer}/keys", "end_session_endpoint": f"{issuer}/out"}
        return {**true, **self.state.overrides.get("metadata", {})}

    def _handle_authorize(self, parameters: dict[str, str], who: str) -> None:
        fit = parameters.get("redirect_uri") == self.state.redirect_uri and parameters.get("client_id") == CLIENT_ID
        fit &= parameters.get("code_challenge_method") == "S256" and parameters.get("response_type") == "code"
        if not (fit and parameters.get("nonce") and len(parameters.get("code_challenge", "")) == 43):
            return self._send(400, b"not as registered", "text/plain")
        code = secrets.token_urlsafe(16)
        self.state.codes[code] = parameters | {"who": who}
        back = {"code": code, "state": parameters["state"]} | self.state.overrides.get("back", {})
        self.send_response(303)
        self.send_header("location", f"{self.state.redirect_uri}?{urlencode(back)}")
        self.send_header("content-length", "0")
        self.end_headers()
        return None

    def _handle_token_request(self, form: dict[str, str]) -> None:
        pair = base64.b64encode(f"{quote(CLIENT_ID, safe='')}:{quote(CLIENT_SECRET, safe='')}".encode()).decode()
        parameters = self.state.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            parameters is None
            or parameters["code_challenge"] != _encode_base64url(digest)
            or form.get("redirect_uri") != self.state.redirect_uri
        ):
            return self._send_json({"error": "invalid_grant"}, 400)
        if self.headers.get("authorization") != f"Basic {pair}":
            return self._send_json({"error": "invalid_client"}, 401)
        if raw := self.state.overrides.get("raw"):
            return self._send(200, raw.encode(), "application/json")
        return self._send_json(
            {"access_token": "x", "token_type": "Bearer", "id_token": issue_id_token(self.state, parameters)}
        )

    def _send_json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _generate_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """A client of the running provider, for tests."""

    port: int

    @property
    def issuer(self) -> str:
        """The issuer."""
        return f"http://127.0.0.1:{self.port}"

    def set_overrides(self, **lies: Any) -> None:
        """Replace all overrides."""
        assert self._post("/lies", json.dumps(lies))[0] == 200

    def sign_in(self, departure: str, who: str) -> str:
        """Sign in at the provider. Return path and query of the redirect to the console."""
        parts = urlsplit(departure)
        status, url = self._post(f"{parts.path}?{parts.query}", urlencode({"who": who}))
        assert status == 303
        back = urlsplit(url)
        return f"{back.path}?{back.query}"

    def _post(self, path: str, body: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("location", "")
        finally:
            connection.close()


@contextmanager
def run_oidc_provider(port: int, back: str) -> Iterator[OidcProvider]:
    """Run the provider in a process until the block ends."""
    command = [sys.executable, "-m", "tests.console.login.oidc_provider", str(port), back]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield OidcProvider(port=port)
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    port = int(sys.argv[1])
    ProviderHandler.state = ProviderState(
        issuer=f"http://127.0.0.1:{port}", redirect_uri=sys.argv[2], keys=[_generate_key()]
    )
    server = ThreadingHTTPServer(("127.0.0.1", port), ProviderHandler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

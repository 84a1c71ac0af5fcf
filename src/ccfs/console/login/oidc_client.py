"""An OpenID Connect provider: what it says of itself, its keys, an ID token for a code, and whether that proves anything.

Synchronous: whoever asks does so in one of its threads. The browser's part, and who may come in, are single_sign_on.py's.
"""

import ssl
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from hmac import compare_digest
from json import loads
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import Claims, JWTClaimsRegistry

from ccfs.console.login.oidc_config import OidcConfig, OidcUnavailable, OidcVerificationFailed

SIGNING_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
CLOCK_SKEW_SECONDS: Final = 60  # seconds by which two clocks may differ
METADATA_TTL_SECONDS: Final = 3600.0  # seconds for which what it says of itself is believed
COOLDOWN_SECONDS: Final = (
    3.0  # seconds for which one that was away is not asked again: nobody makes us wait by asking often
)
MAX_THREADS: Final = 4  # for all that asks it: one that hangs must not keep other work waiting
MAX_RESPONSE_BYTES: Final = 1 << 20  # bytes of an answer
HTTP_TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
_REQUIRED_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcClient:
    """One provider as a web process knows it. For any thread."""

    def __init__(self, terms: OidcConfig) -> None:
        self._config = terms
        trusted = ssl.create_default_context(cafile=terms.ca_file or None)
        self._http = httpx2.Client(verify=trusted, timeout=HTTP_TIMEOUT, trust_env=False)  # follows no redirect
        self.executor = ThreadPoolExecutor(MAX_THREADS, "provider")
        self._lock = Lock()
        self._unavailable_at = float("-inf")
        self._cached_metadata: tuple[float, Mapping[str, Any]] | None = None
        self._cached_keys: tuple[float, KeySet] | None = None

    def build_authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in; raises Away."""
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._config.redirect_uri,
            "scope": " ".join(self._config.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _add_query(self._get_metadata()["authorization_endpoint"], asked)

    def get_logout_url(self) -> str:
        """Where the browser goes to sign out there, too; empty if the provider has no such place. Raises Away."""
        there = self._get_metadata().get("end_session_endpoint")
        asked = {"client_id": self._config.client_id, "post_logout_redirect_uri": self._config.post_logout_redirect_uri}
        return _add_query(there, asked) if isinstance(there, str) and self._is_safe_endpoint(there) else ""

    def is_expected_issuer(self, said: str | None) -> bool:
        """Whether the `iss` that came back with a code, if any, is the provider (RFC 9207). Raises Away."""
        must = self._get_metadata().get("authorization_response_iss_parameter_supported") is True
        return said == self._config.issuer or (said is None and not must)

    def exchange_code(self, code: str, verifier: str, nonce: str, now: int) -> Claims:
        """The claims that a code is good for, of which `sub` is a text; raises NotProven, Away.

        `now` is in seconds since 1970.
        """
        token = self._request_tokens(code, verifier).get("id_token")
        if not isinstance(token, str):
            raise OidcVerificationFailed("no ID token")
        try:
            claims = self._verify_token(token)
            self._build_claims_registry(now).validate(claims)
        except (JoseError, ValueError) as error:
            raise OidcVerificationFailed(f"ID token: {error}") from None
        audience = claims["aud"]
        if claims.get("azp", self._config.client_id) != self._config.client_id:
            raise OidcVerificationFailed("ID token: azp")
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            raise OidcVerificationFailed("ID token: several aud, no azp")
        if not compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise OidcVerificationFailed("ID token: nonce")
        return claims

    def _build_claims_registry(self, now: int) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now,
            CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._config.issuer},
            aud={"essential": True, "value": self._config.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        )

    def _verify_token(self, token: str) -> Claims:
        """The claims, if a key of the provider signed them; a key that is not known yet is looked for once more."""
        try:
            return jwt.decode(token, self._get_keys(), SIGNING_ALGORITHMS).claims
        except InvalidKeyIdError:
            return jwt.decode(token, self._get_keys(anew=True), SIGNING_ALGORITHMS).claims

    def _request_tokens(self, code: str, verifier: str) -> Mapping[str, Any]:
        said, terms = self._get_metadata(), self._config
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": terms.redirect_uri,
            "code_verifier": verifier,
        }
        known = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        headers = {"accept": "application/json"}
        if terms.client_secret and "client_secret_basic" in known:
            pair = f"{quote(terms.client_id, safe='')}:{quote(terms.client_secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": terms.client_id} | (
                {"client_secret": terms.client_secret} if terms.client_secret else {}
            )
        status, answer = self._send_request(said["token_endpoint"], form, headers)
        if status != 200:
            raise OidcVerificationFailed(f"the code was refused: {status} {answer.get('error', '')!s:.60}")
        return answer

    def _get_metadata(self) -> Mapping[str, Any]:
        with self._lock:
            if self._cached_metadata is None or time.monotonic() > self._cached_metadata[0] + METADATA_TTL_SECONDS:
                if time.monotonic() < self._unavailable_at + COOLDOWN_SECONDS:
                    raise OidcUnavailable("it was away a moment ago")
                try:
                    self._cached_metadata = time.monotonic(), self._discover()
                except OidcUnavailable:
                    self._unavailable_at = time.monotonic()
                    raise
            return self._cached_metadata[1]

    def _discover(self) -> Mapping[str, Any]:
        status, said = self._send_request(f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200:
            raise OidcUnavailable(f"discovery: {status}")
        if said.get("issuer") != self._config.issuer:
            raise OidcUnavailable(f"discovery: the issuer is {said.get('issuer')!s:.200}")
        for name in _REQUIRED_ENDPOINTS:
            if not self._is_safe_endpoint(said.get(name)):
                raise OidcUnavailable(f"discovery: {name} is missing, or not https")
        return said

    def _get_keys(self, *, anew: bool = False) -> KeySet:
        address = self._get_metadata()["jwks_uri"]
        with self._lock:
            if anew or self._cached_keys is None or time.monotonic() > self._cached_keys[0] + METADATA_TTL_SECONDS:
                status, found = self._send_request(address)
                if status != 200:
                    raise OidcUnavailable(f"keys: {status}")
                self._cached_keys = time.monotonic(), _parse_public_keys(found)
            return self._cached_keys[1]

    def _send_request(
        self, address: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object of an answer, {} where it is none; raises Away."""
        body = bytearray()
        try:
            method = "GET" if form is None else "POST"
            with self._http.stream(method, address, data=form, headers=headers) as answer:
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > MAX_RESPONSE_BYTES:
                        raise OidcUnavailable("the answer is too large")
            found = loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OidcUnavailable(f"{type(error).__name__}: {error}") from None
        except ValueError:
            found = {}
        return answer.status_code, found if isinstance(found, dict) else {}

    def _is_safe_endpoint(self, address: object) -> bool:
        """Whether an endpoint is as safe as the issuer itself: https, or plain where the issuer is."""
        if not isinstance(address, str):
            return False
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.scheme in ("https", urlsplit(self._config.issuer).scheme)


def _parse_public_keys(found: Mapping[str, Any]) -> KeySet:
    """The keys that ID tokens may be signed with: no shared secret, whatever the set holds."""
    keys = found.get("keys")
    fit = [one for one in keys if isinstance(one, dict)] if isinstance(keys, list) else []
    fit = [one for one in fit if one.get("kty") in ("RSA", "EC") and one.get("use", "sig") == "sig"]
    try:
        return KeySet.import_key_set({"keys": fit})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OidcUnavailable(f"keys: {error}") from None


def _add_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

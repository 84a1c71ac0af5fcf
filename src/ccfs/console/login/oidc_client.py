"""A client of an OpenID Connect provider: metadata, keys, code exchange, verification of ID tokens.

Synchronous: callers run it in a thread of its executor.
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
CLOCK_SKEW_SECONDS: Final = 60  # between the provider's clock and ours
METADATA_TTL_SECONDS: Final = 3600.0  # of metadata and keys
COOLDOWN_SECONDS: Final = 3.0  # without requests after the provider was unavailable
MAX_THREADS: Final = 4  # of its own, so that a provider that hangs blocks no other work
MAX_RESPONSE_BYTES: Final = 1 << 20
HTTP_TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
_REQUIRED_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcClient:
    """One provider. Thread-safe."""

    def __init__(self, config: OidcConfig) -> None:
        self._config = config
        context = ssl.create_default_context(cafile=config.ca_file or None)
        self._http = httpx2.Client(verify=context, timeout=HTTP_TIMEOUT, trust_env=False)  # follows no redirect
        self.executor = ThreadPoolExecutor(MAX_THREADS, "provider")
        self._lock = Lock()
        self._unavailable_at = float("-inf")
        self._cached_metadata: tuple[float, Mapping[str, Any]] | None = None
        self._cached_keys: tuple[float, KeySet] | None = None

    def build_authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Return the URL at which the user signs in. Raise OidcUnavailable."""
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._config.redirect_uri,
            "scope": " ".join(self._config.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _add_query(self._get_metadata()["authorization_endpoint"], parameters)

    def get_logout_url(self) -> str:
        """Return the URL at which the user signs out; empty if the provider has none. Raise OidcUnavailable."""
        endpoint, config = self._get_metadata().get("end_session_endpoint"), self._config
        if not isinstance(endpoint, str) or not self._is_safe_endpoint(endpoint):
            return ""
        redirect_uri = config.post_logout_redirect_uri
        return _add_query(endpoint, {"client_id": config.client_id, "post_logout_redirect_uri": redirect_uri})

    def is_expected_issuer(self, issuer: str | None) -> bool:
        """Whether the callback's `iss`, if any, is the provider (RFC 9207). Raise OidcUnavailable."""
        is_required = self._get_metadata().get("authorization_response_iss_parameter_supported") is True
        return issuer == self._config.issuer or (issuer is None and not is_required)

    def exchange_code(self, code: str, verifier: str, nonce: str, now: int) -> Claims:
        """Return the verified claims of a code's ID token; `sub` is text. Raise OidcVerificationFailed or OidcUnavailable.

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
        """Return the claims of a token that a key of the provider signed; an unknown key id reloads the keys once."""
        try:
            return jwt.decode(token, self._get_keys(), SIGNING_ALGORITHMS).claims
        except InvalidKeyIdError:
            return jwt.decode(token, self._get_keys(must_reload=True), SIGNING_ALGORITHMS).claims

    def _request_tokens(self, code: str, verifier: str) -> Mapping[str, Any]:
        metadata, config = self._get_metadata(), self._config
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": config.redirect_uri,
            "code_verifier": verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        headers = {"accept": "application/json"}
        if config.client_secret and "client_secret_basic" in methods:
            pair = f"{quote(config.client_id, safe='')}:{quote(config.client_secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": config.client_id} | (
                {"client_secret": config.client_secret} if config.client_secret else {}
            )
        status, response = self._send_request(metadata["token_endpoint"], form, headers)
        if status != 200:
            raise OidcVerificationFailed(f"the code was rejected: {status} {response.get('error', '')!s:.60}")
        return response

    def _get_metadata(self) -> Mapping[str, Any]:
        with self._lock:
            if self._cached_metadata is None or time.monotonic() > self._cached_metadata[0] + METADATA_TTL_SECONDS:
                if time.monotonic() < self._unavailable_at + COOLDOWN_SECONDS:
                    raise OidcUnavailable("unavailable a moment ago")
                try:
                    self._cached_metadata = time.monotonic(), self._discover()
                except OidcUnavailable:
                    self._unavailable_at = time.monotonic()
                    raise
            return self._cached_metadata[1]

    def _discover(self) -> Mapping[str, Any]:
        status, metadata = self._send_request(f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200:
            raise OidcUnavailable(f"discovery: {status}")
        if metadata.get("issuer") != self._config.issuer:
            raise OidcUnavailable(f"discovery: the issuer is {metadata.get('issuer')!s:.200}")
        for name in _REQUIRED_ENDPOINTS:
            if not self._is_safe_endpoint(metadata.get(name)):
                raise OidcUnavailable(f"discovery: {name} is missing, or not https")
        return metadata

    def _get_keys(self, *, must_reload: bool = False) -> KeySet:
        url = self._get_metadata()["jwks_uri"]
        with self._lock:
            if (
                must_reload
                or self._cached_keys is None
                or time.monotonic() > self._cached_keys[0] + METADATA_TTL_SECONDS
            ):
                status, key_set = self._send_request(url)
                if status != 200:
                    raise OidcUnavailable(f"keys: {status}")
                self._cached_keys = time.monotonic(), _parse_public_keys(key_set)
            return self._cached_keys[1]

    def _send_request(
        self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the JSON object of a response, {} if it is not one. Raise OidcUnavailable."""
        body = bytearray()
        try:
            method = "GET" if form is None else "POST"
            with self._http.stream(method, url, data=form, headers=headers) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_RESPONSE_BYTES:
                        raise OidcUnavailable("the response is too large")
            parsed = loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OidcUnavailable(f"{type(error).__name__}: {error}") from None
        except (ValueError, RecursionError):  # not JSON, or nested too deep
            parsed = {}
        return response.status_code, parsed if isinstance(parsed, dict) else {}

    def _is_safe_endpoint(self, url: object) -> bool:
        """Whether an endpoint has https, or the issuer's scheme."""
        if not isinstance(url, str):
            return False
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.scheme in ("https", urlsplit(self._config.issuer).scheme)


def _parse_public_keys(key_set: Mapping[str, Any]) -> KeySet:
    """Return the public signing keys of a key set; a shared secret among them is ignored."""
    listed = key_set.get("keys")
    keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    keys = [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"]
    try:
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OidcUnavailable(f"keys: {error}") from None


def _add_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"

"""Invalid responses of a provider, or of somebody between: none signs anybody in."""

import time
from typing import Any

import pytest

from tests.console.console_client import ConsoleClient, extract_text
from tests.console.login.oidc_provider import CLIENT_ID, OidcProvider
from tests.console.login.oidc_sign_in import is_signed_in, sign_in_with_oidc

RETRY_TEXT = "Please try again."
NOW = int(time.time())
INVALID_RESPONSES: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": None}},
    "a nonce that is a list": {"claims": {"nonce": ["x"]}},
    "for another client": {"claims": {"aud": "another"}},
    "for nobody": {"claims": {"aud": None}},
    "for two without saying for whom": {"claims": {"aud": [CLIENT_ID, "another"]}},
    "for two and meant for the other": {"claims": {"aud": [CLIENT_ID, "another"], "azp": "another"}},
    "of another issuer": {"claims": {"iss": "https://evil.example"}},
    "of an issuer with a slash": {"claims": {"iss": "http://127.0.0.1/"}},
    "of no issuer": {"claims": {"iss": None}},
    "expired": {"claims": {"exp": NOW - 120}},
    "without end": {"claims": {"exp": None}},
    "with an end that is a text": {"claims": {"exp": "tomorrow"}},
    "made tomorrow": {"claims": {"iat": NOW + 86_400}},
    "good from tomorrow": {"claims": {"nbf": NOW + 86_400}},
    "of nobody": {"claims": {"sub": None}},
    "of an empty subject": {"claims": {"sub": ""}},
    "of a subject that is a number": {"claims": {"sub": 1}},
    "of a subject without end": {"claims": {"sub": "x" * 1000}},
    "unsigned": {"signed": "none"},
    "signed by the public key as a secret": {"signed": "by the public key"},
    "signed by another key under its name": {"signed": "by another key"},
    "signed by a key that nobody knows": {"signed": "by a key that nobody knows"},
    "signed by the key within": {"signed": "by a key within"},
    "from another issuer's page": {"back": {"iss": "https://evil.example"}},
    "with an error": {"back": {"error": "access_denied"}},
    "with no code": {"back": {"code": ""}},
    "nested without end": {"raw": "[" * 100_000},
    "of a number without end": {"raw": '{"expires_in": ' + "9" * 10_000 + "}"},
    "with a code without end": {"back": {"code": "x" * 5000}},
}


@pytest.mark.parametrize("lie", INVALID_RESPONSES)
def test_an_invalid_provider_response_signs_nobody_in(
    client: ConsoleClient, oidc_provider: OidcProvider, lie: str
) -> None:
    oidc_provider.set_overrides(**INVALID_RESPONSES[lie])
    reply = sign_in_with_oidc(client, oidc_provider, "sue")
    assert (reply.status, "ccfs_session=" in reply.headers.get("set-cookie", "")) == (401, False)
    assert RETRY_TEXT in extract_text(reply)
    assert not is_signed_in(client)
    oidc_provider.set_overrides()
    assert sign_in_with_oidc(client, oidc_provider, "sue").status == 303

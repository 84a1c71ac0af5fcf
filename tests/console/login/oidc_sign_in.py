"""A login by the provider, as a browser does it."""

from tests.api.api_client import Reply
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.login.oidc_provider import OidcProvider


def start_oidc_login(client: ConsoleClient, query: str = "") -> str:
    """Start a login. Return the authorization URL."""
    reply = client.get(f"/console/oidc{query}")
    assert reply.status == 303, extract_text(reply)
    return reply.headers["location"]


def sign_in_with_oidc(client: ConsoleClient, idp: OidcProvider, who: str, query: str = "") -> Reply:
    """Start a login, sign in at the provider, and return the callback's response."""
    return client.get(idp.sign_in(start_oidc_login(client, query), who))


def is_signed_in(client: ConsoleClient) -> bool:
    return client.get("/console/account").status == 200

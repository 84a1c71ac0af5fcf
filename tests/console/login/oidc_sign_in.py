"""Leaving for the sign-in service and coming back from it, as a browser does. No expectation of who gets in lives here."""

from tests.api.api_client import Reply
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.login.oidc_provider import OidcProvider


def start_oidc_login(visitor: ConsoleClient, query: str = "") -> str:
    """Where the provider's page is, for a browser that has left for it."""
    reply = visitor.get(f"/console/oidc{query}")
    assert reply.status == 303, extract_text(reply)
    return reply.headers["location"]


def sign_in_with_oidc(visitor: ConsoleClient, idp: OidcProvider, who: str, query: str = "") -> Reply:
    """Leave, sign in there, and come back."""
    return visitor.get(idp.sign_in(start_oidc_login(visitor, query), who))


def is_signed_in(visitor: ConsoleClient) -> bool:
    return visitor.get("/console/account").status == 200

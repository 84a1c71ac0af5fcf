"""Leaving for the sign-in service and coming back from it, as a browser does. No expectation of who gets in lives here."""

from tests.console.provider import Provider
from tests.console.visitor import Visitor, text_of
from tests.web.callers import Reply


def departed(visitor: Visitor, query: str = "") -> str:
    """Where the provider's page is, for a browser that has left for it."""
    reply = visitor.get(f"/console/oidc{query}")
    assert reply.status == 303, text_of(reply)
    return reply.headers["location"]


def came(visitor: Visitor, idp: Provider, who: str, query: str = "") -> Reply:
    """Leave, sign in there, and come back."""
    return visitor.get(idp.return_of(departed(visitor, query), who))


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/console/me").status == 200

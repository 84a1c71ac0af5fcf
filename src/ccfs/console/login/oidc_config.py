"""Configuration of an OpenID Connect provider, and its errors. Importable without the client's libraries."""

from dataclasses import dataclass


class OidcUnavailable(Exception):
    """The provider cannot be reached, or its metadata is invalid; the message is for the log."""


class OidcVerificationFailed(Exception):
    """The provider's response proves no identity; the message is for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """The client's registration at the provider."""

    issuer: str
    client_id: str
    client_secret: str  # empty: a public client, which proves itself by PKCE alone
    scopes: tuple[str, ...]
    redirect_uri: str  # our callback's URL
    post_logout_redirect_uri: str  # the page after a logout at the provider
    ca_file: str = ""  # PEM file of authorities; empty: the system's

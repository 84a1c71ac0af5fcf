"""What was agreed with a provider of single sign-on, and how dealing with one fails. provider.py deals with it; here is what
may be known of it where there is none."""

from dataclasses import dataclass


class OidcUnavailable(Exception):
    """The provider cannot be reached, or does not say what it must; the text says why, for the log."""


class OidcVerificationFailed(Exception):
    """What came back proves nobody; the text says why, for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """What the operator and the provider agreed upon."""

    issuer: str
    client_id: str
    client_secret: str  # empty: a public client, which proves itself by PKCE alone
    scopes: tuple[str, ...]
    redirect_uri: str  # the address that the provider sends people back to
    post_logout_redirect_uri: str  # the address that it sends them to when they signed out there
    ca_file: str = ""  # file of certificates, PEM; empty: the system's

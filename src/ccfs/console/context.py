"""The context of console handlers: that of the web process, and the OpenID Connect client."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccfs.status.cache import StatusCache
from ccfs.web.context import WebContext

if TYPE_CHECKING:
    from ccfs.console.login.oidc_client import OidcClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleContext(WebContext):
    """This web process, with the console's client of the OpenID Connect provider."""

    status: StatusCache  # of the whole installation
    oidc_client: "OidcClient | None" = None  # None where no provider is configured

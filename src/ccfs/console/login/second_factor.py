"""The second factor: roles that must have one, and the QR code that an authenticator app reads."""

from typing import Final

from markupsafe import Markup

from ccfs.console.request import ConsoleRequest
from ccfs.model.identity.user import User
from ccfs.settings import Settings

SETUP_PATH: Final = "/console/account"
MAX_URI_LENGTH: Final = (
    400  # characters: a longer one is no secret of ours, and its code could not be read from a screen
)
# Pages of users who must set up a second factor first.
_ALLOWED_PATHS: Final = frozenset((SETUP_PATH, f"{SETUP_PATH}/totp", f"{SETUP_PATH}/totp/enable", "/console/logout"))


def must_set_up(request: ConsoleRequest) -> bool:
    """Return whether the user has a role that requires a second factor, signs in by password, and has no second factor."""
    return request.user is not None and lacks_second_factor(request.context.settings, request.user)


def lacks_second_factor(settings: Settings, user: User) -> bool:
    """Return whether a user must set up a second factor before doing anything else."""
    if user.has_second_factor or not user.has_password or not settings.password_login:
        return False
    return any(grant.role in settings.second_factor_roles for grant in user.grants)


def is_allowed_before(path: str) -> bool:
    """Return whether a page is open to a user who must set up a second factor first."""
    return path in _ALLOWED_PATHS


def draw_qr_code(uri: str) -> Markup:
    """Return the QR code of a URI as SVG without styles and scripts; empty for one that is too long."""
    from segno import make  # a fiftieth of a second to import, once somebody sets up a second factor

    if len(uri) > MAX_URI_LENGTH:
        return Markup()
    code = make(uri, error="m", micro=False)
    return Markup(code.svg_inline(scale=4, border=4, omitsize=True, svgclass="qr", lineclass=None))

"""The user and the role that a form names."""

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import users
from ccfs.model.errors import NotFound
from ccfs.model.identity.user import Grant, User


async def get_user(request: ConsoleRequest) -> User:
    """Return the user that the form names. Raise NotFound if there is none."""
    name = request.form.get("user", "")
    user = await request.context.query(lambda connection: users.find_by_name(connection, name))
    if user is None:
        raise NotFound
    return user


def get_grant(request: ConsoleRequest, user: User) -> Grant:
    """Return the user's role whose number the form has. Raise NotFound if the user has none of that number."""
    grant = {str(number): grant for number, grant in enumerate(user.grants)}.get(request.form.get("grant", ""))
    if grant is None:
        raise NotFound
    return grant

"""Questions to operators and administrators before harm: keys, users, nodes, locations, certificates."""

from ccfs.console import labels
from ccfs.console.admin.form_users import get_grant, get_user
from ccfs.console.forms.confirmation import Question
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import tenants
from ccfs.db.system.certificates import trusted_certificates
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import MAX_COUNT, parse_number
from ccfs.model.node import NodeState

APPS, USERS, CLUSTER, SETTINGS = "/console/apps", "/console/users", "/console/cluster", "/console/settings"


async def ask_revoke_key(request: ConsoleRequest) -> Question:
    """Ask before a key is revoked, and say whether it is the app's only one or signs callbacks."""
    t, keys, text = request.translate, await _list_keys(request), request.form.get("key", "")
    key = parse_number(text, MAX_COUNT) or 0
    if key not in keys:
        raise NotFound
    consequences = [t("Clients that use this key will be rejected from now on. This cannot be undone.")]
    if len(keys) == 1:
        consequences.append(
            t(
                "It is the only key of this app. No client can sign requests, and callbacks cannot be signed, until a key is added."
            )
        )
    elif key == keys[-1]:
        consequences.append(
            t("It is the newest key. Callbacks will be signed with key {number} instead.", number=keys[-2])
        )
    return Question(
        title=t("Revoke key {number} of {app}?", number=key, app=request.current_app.name),
        consequences=tuple(consequences),
        action=t("Revoke key"),
        cancel_path=APPS,
    )


async def ask_revoke_older_keys(request: ConsoleRequest) -> Question:
    """Ask before all keys but the newest ones are revoked."""
    t, keys, newest = request.translate, await _list_keys(request), request.form.get("older_than", "")
    older = [key for key in keys if newest in map(str, keys) and key < int(newest)]
    if not older:
        raise NotFound
    return Question(
        title=t("Revoke the older keys of {app}?", app=request.current_app.name),
        consequences=(
            t("Clients that use one of these keys will be rejected from now on: {numbers}.", numbers=_join(older)),
            t("Key {number} stays valid. Make sure that all clients use it. This cannot be undone.", number=newest),
        ),
        action=t("Revoke older keys"),
        cancel_path=APPS,
    )


async def _list_keys(request: ConsoleRequest) -> list[int]:
    app = request.current_app
    return [key for key, _, _ in await request.context.query(lambda connection: tenants.list_keys(connection, app))]


def _join(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


async def ask_disable_user(request: ConsoleRequest) -> Question | None:
    """Ask before a user is disabled; enabling one needs no question, nor does what is rejected anyway."""
    t, user = request.translate, await get_user(request)
    if user.is_disabled or user.id == request.current_user.id:
        return None
    return Question(
        title=t("Disable {name}?", name=user.name),
        consequences=(
            t("The user is signed out at once and cannot sign in until you enable the user again."),
            t("Roles, annotations and the audit log are kept."),
        ),
        action=t("Disable"),
        cancel_path=USERS,
    )


async def ask_reset_user(request: ConsoleRequest) -> Question:
    """Ask before a user gets a link for a new password."""
    t, user, has_password_login = request.translate, await get_user(request), request.context.settings.password_login
    consequences = [t("The next page shows a link with which the user sets a new password. Send it to the user.")]
    if not has_password_login:
        consequences = [t("The password is deleted. The user signs in with single sign-on and is linked again.")]
    if user.has_second_factor:
        consequences.append(t("Two-factor authentication is turned off. The user has to set it up again."))
    if user.is_linked:
        consequences.append(t("The link to single sign-on is removed."))
    return Question(
        title=t("Reset the sign-in of {name}?", name=user.name),
        consequences=tuple(consequences),
        action=t("Reset password") if has_password_login else t("Reset sign-in"),
        cancel_path=USERS,
        needs_password=True,
    )


async def ask_revoke_role(request: ConsoleRequest) -> Question:
    """Ask before a role is removed, and say if it is the user's only one."""
    t, user = request.translate, await get_user(request)
    grant = get_grant(request, user)
    consequences = [t("The user loses the permissions of this role at once.")]
    if len(user.grants) == 1:
        consequences.append(t("It is the only role of this user, who can then still sign in but not see anything."))
    if user.id == request.current_user.id:
        consequences.append(t("You are removing a role of your own."))
    return Question(
        title=t("Remove the role {role} of {name}?", role=t(labels.ROLES[grant.role]), name=user.name),
        consequences=tuple(consequences),
        action=t("Remove role"),
        cancel_path=USERS,
    )


async def ask_node_state(request: ConsoleRequest) -> Question | None:
    """Ask before a node is drained."""
    if request.form.get("state") != NodeState.DRAINING:
        return None
    t = request.translate
    return Question(
        title=t("Drain node {name}?", name=request.form.get("node", "")),
        consequences=(
            t("The node finishes its current work and takes no new jobs. Load balancers stop sending it requests."),
            t("The other nodes take over its work. You can resume the node at any time."),
        ),
        action=t("Drain"),
        cancel_path=CLUSTER,
    )


async def ask_location_state(request: ConsoleRequest) -> Question | None:
    """Ask before a location is drained."""
    if request.form.get("state") != NodeState.DRAINING:
        return None
    t = request.translate
    return Question(
        title=t("Drain location {name}?", name=request.form.get("location", "")),
        consequences=(
            t("No new files are stored there. Files that are there can still be read and are not moved."),
            t("You can resume the location at any time."),
        ),
        action=t("Drain"),
        cancel_path=CLUSTER,
    )


async def ask_unbind_callback(request: ConsoleRequest) -> Question:
    """Ask before a callback address is removed."""
    t, app = request.translate, await request.find_app(request.form.get("app", ""))
    return Question(
        title=t("Remove the callback address {address}?", address=request.form.get("prefix", "")),
        consequences=(
            t("Exports with callback URLs that begin with it are rejected, and their callbacks are no longer sent."),
        ),
        action=t("Remove"),
        cancel_path=f"/console/app?app={app.ak}",
    )


async def ask_remove_node(request: ConsoleRequest) -> Question:
    """Ask before a node is removed."""
    t = request.translate
    return Question(
        title=t("Remove node {name}?", name=request.form.get("node", "")),
        consequences=(t("The node disappears from the list. If it starts again, it is added again."),),
        action=t("Remove"),
        cancel_path=CLUSTER,
    )


async def ask_remove_location(request: ConsoleRequest) -> Question:
    """Ask before a location is removed."""
    t = request.translate
    return Question(
        title=t("Remove location {name}?", name=request.form.get("location", "")),
        consequences=(
            t("ccfs no longer uses the folder or bucket. It has no files of ccfs, and ccfs does not delete it."),
        ),
        action=t("Remove"),
        cancel_path=CLUSTER,
    )


async def ask_remove_certificate(request: ConsoleRequest) -> Question:
    """Ask before a certificate is no longer trusted."""
    t, name = request.translate, request.form.get("name", "")
    certificates = await request.context.query(trusted_certificates.list_certificates)
    if name not in {certificate.name for certificate in certificates}:
        raise NotFound
    return Question(
        title=t("Remove the certificate {name}?", name=name),
        consequences=(t("Callbacks to receivers that need this certificate fail from now on."),),
        action=t("Remove"),
        cancel_path=SETTINGS,
    )

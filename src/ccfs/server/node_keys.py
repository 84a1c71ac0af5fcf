"""Whether the node keys are those of the database: a node without them could serve nobody."""

from ccfs.db.system import stored_secrets
from ccfs.model.errors import OperatorError
from ccfs.server.node import Node

MAX_NAMED_SECRETS = 5


def raise_if_keys_do_not_match(node: Node) -> None:
    """Raise OperatorError if the database stores secrets that other node keys encrypted; it names them."""
    with node.database.read_transaction() as connection:
        unreadable = stored_secrets.list_unreadable(connection, node.secret_box)
    foreign = [secret.description for secret in unreadable if not secret.is_damaged]
    if not foreign:
        return
    source = "CCFS_NODE_KEYS" if node.settings.node_keys else f"the keys in {node.settings.data / 'node.keys'}"
    named = ", ".join(foreign[:MAX_NAMED_SECRETS])
    more = f" and {len(foreign) - MAX_NAMED_SECRETS} more" if len(foreign) > MAX_NAMED_SECRETS else ""
    raise OperatorError(
        f"{source} cannot decrypt {named}{more}: other node keys encrypted them. Use the node keys of the other nodes or of "
        "the backup. If these keys are lost, run `ccfs app key revoke-unreadable --yes`, `ccfs app key add` for each app, and "
        "`ccfs user reset` for each user with a second factor"
    )

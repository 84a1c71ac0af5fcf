"""Queue log lines that name a member, but neither a call nor a queue: AGENTLOGIN, PAUSEALL and similar."""

from collections.abc import Collection, Iterable

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import agent_operations, member_names
from ccfs.ingest.context import CallOwner
from ccfs.ingest.tenants.call_records import CallRecord
from ccfs.ingest.tenants.routers import Owner, group_by_app
from ccfs.switches.asterisk.channels import AgentMatcher, parse_member
from ccfs.switches.asterisk.queue_log import QueueLine


def find_member_owners(
    connection: Connection, owners: Collection[CallOwner], agents: AgentMatcher, records: Iterable[CallRecord]
) -> dict[str, Owner]:
    """Return, by source_key, the owner to whom a member belongs by earlier lines of its queues.

    Agents of several accounts are left out: two tenants may both have an agent 1001.
    """
    members = {record.source_key: item.member for record in records if (item := _get_member_line(record))}
    names = {member: _list_names(member, agents) for member in set(members.values())}
    known: dict[str, list[CallOwner]] = {member: [] for member in names}
    wanted = set[str]().union(*names.values())
    for app_owners in group_by_app(owners) if wanted else ():
        app = app_owners[0].app
        first_owners = {owner.account.account_id: owner for owner in reversed(app_owners)}  # of its VDNs, the first
        found = agent_operations.list_accounts_of_agents(connection, app, list(first_owners), wanted)
        found |= member_names.find_accounts(connection, app, list(first_owners), wanted)
        accounts = _group_accounts(found)
        for member, some in names.items():
            matching = set[str]().union(*(accounts.get(name, set()) for name in some))
            known[member] += [first_owners[account_id] for account_id in matching]
    return {key: known[member][0] for key, member in members.items() if len(known[member]) == 1}


def _get_member_line(record: CallRecord) -> QueueLine | None:
    item = record.items[0]
    return item if isinstance(item, QueueLine) and item.member and not item.queue and not item.leg_id else None


def _list_names(member: str, agents: AgentMatcher) -> set[str]:
    """Return the names under which operations of the member may be stored."""
    name = parse_member(member)
    return {member, name, agents.find_number(name)} - {""}


def _group_accounts(found: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    accounts: dict[str, set[str]] = {}
    for account_id, name in found:
        accounts.setdefault(name, set()).add(account_id)
    return accounts


def is_switch_line(line: QueueLine) -> bool:
    """Return whether a line concerns the whole switch, such as QUEUESTART: it names no call, queue or member."""
    return not (line.member or line.queue or line.leg_id)

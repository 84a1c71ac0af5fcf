"""One switch, many tenants: assign legs to the owners that the tenant rules name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.ingest.calls.leg_source import L
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import scan
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.recordings.ingest_folder import ingest_folder
from ccfs.ingest.recordings.match import CallIdFinder
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.source_files import INGESTED
from ccfs.switches.asterisk.channels import parse_member
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.tenant_rules import CallFacts, TenantRules, collect_facts, describe_facts

UNASSIGNED = "no tenant rule matches: "  # begin of the reason; the call's facts follow


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRouter:
    """The tenant rules, and the owner of each."""

    path: Path
    rules: TenantRules
    owners: Mapping[int, CallOwner]  # by the rule's line

    def find_owner(self, facts: CallFacts) -> CallOwner | None:
        """Return the owner of a call with these facts, or None."""
        rule = self.rules.find_rule(facts)
        return self.owners[rule.line] if rule else None

    def list_owners(self) -> list[CallOwner]:
        """Return one owner for each account."""
        return list({(owner.app.id, owner.account.account_id): owner for owner in self.owners.values()}.values())


class RoutedLegs(NamedTuple, Generic[L]):
    """Legs by their owners."""

    groups: list[tuple[CallOwner, list[L]]]
    unassigned: list[L]


class RoutedQueueLines(NamedTuple):
    """Lines of a queue log by their owners."""

    groups: Mapping[CallOwner, list[QueueLine]]
    reasons: list[str]  # why the others are not ingested


def route_legs(
    connection: Connection, owner: CallOwner, router: TenantRouter | None, legs: Sequence[L]
) -> RoutedLegs[L]:
    """Assign each leg by its facts, else to the owner of another leg of its call. Without rules, all are `owner`'s."""
    if router is None:
        return RoutedLegs([(owner, list(legs))], [])
    _lock_apps(connection, owner, router)
    owners = [router.find_owner(leg.facts) for leg in legs]
    by_call = {leg.switch_call_id: found for leg, found in zip(legs, owners, strict=True) if found}
    orphans = [leg for leg, found in zip(legs, owners, strict=True) if not found]
    by_call |= _find_owners_of_calls(connection, router, [leg for leg in orphans if leg.switch_call_id not in by_call])
    groups: dict[CallOwner, list[L]] = defaultdict(list)
    unassigned = []
    for leg, found in zip(legs, owners, strict=True):
        if leg_owner := found or by_call.get(leg.switch_call_id):
            groups[leg_owner].append(leg)
        else:
            unassigned.append(leg)
    return RoutedLegs(list(groups.items()), unassigned)


def _lock_apps(connection: Connection, owner: CallOwner, router: TenantRouter) -> None:
    """Lock the apps beside the owner's, which the transaction has locked, in an order that all runs share."""
    apps = {other.app.id: other.app for other in router.list_owners() if other.app.id != owner.app.id}
    for _, app in sorted(apps.items()):
        ingest_state.lock_app(connection, app)


def _find_owners_of_calls(connection: Connection, router: TenantRouter, legs: Sequence[L]) -> dict[str, CallOwner]:
    """Return the owners of those of the legs' calls that earlier runs ingested, by the switch's id of the call."""
    found: dict[str, CallOwner] = {}
    call_ids = {to_call_id(leg.switch_call_id): leg.switch_call_id for leg in legs}
    near = [leg.begin for leg in legs]
    for owner in router.list_owners() if legs else ():
        for call_id, rows in cdrs.find_by_call_ids(connection, owner.app, call_ids, near).items():
            if any(row.account_id == owner.account.account_id for row in rows):
                found.setdefault(call_ids[call_id], owner)
    return found


def route_queue_lines(router: TenantRouter, lines: Sequence[QueueLine]) -> RoutedQueueLines:
    """Assign lines of a queue log by their queue."""
    groups: dict[CallOwner, list[QueueLine]] = defaultdict(list)
    reasons = []
    for line in lines:
        facts = collect_facts([("queue", line.queue)])
        if owner := router.find_owner(facts):
            groups[owner].append(line)
        else:
            reasons.append(describe_unassigned(facts))
    return RoutedQueueLines(groups, reasons)


def route_member_lines(connection: Connection, router: TenantRouter, lines: Sequence[QueueLine]) -> RoutedQueueLines:
    """Assign lines without a queue to each owner that knows the member by its queues; those without a member, to all."""
    groups: dict[CallOwner, list[QueueLine]] = defaultdict(list)
    owners = router.list_owners() if lines else []
    names = {line.member: {line.member, parse_member(line.member)} for line in lines if line.member}
    known = {owner: _list_known_agents(connection, owner, set[str]().union(*names.values())) for owner in owners}
    reasons = []
    for line in lines:
        matching = [owner for owner in owners if not line.member or names[line.member] & known[owner]]
        for owner in matching:
            groups[owner].append(line)
        if not matching:
            reasons.append(f"{UNASSIGNED}queue log, member {line.member} without a queue")
    return RoutedQueueLines(groups, reasons)


def _list_known_agents(connection: Connection, owner: CallOwner, names: set[str]) -> set[str]:
    """Return those of the names that are agents of the owner: their last operation is open."""
    spans = agent_operations.list_open_operations(connection, owner.app, owner.account.account_id, names)
    return {span.agent_id for span in spans}


def describe_unassigned(facts: CallFacts) -> str:
    """Return the reason for which a call was not ingested."""
    return UNASSIGNED + describe_facts(facts)


def request_rereads(run: IngestRun, owner: CallOwner, router: TenantRouter) -> None:
    """Where the rules have changed, have this pass read again the text files with calls that no rule matched."""
    rules_file = scan.stat_file(router.path)
    with run.app_transaction(owner.app) as connection:
        if not select_due_files(connection, owner.app, [rules_file]):
            return
        for name in ingest_state.list_files_rejected_for(connection, owner.app, UNASSIGNED):
            ingest_state.request_reread(connection, owner.app, name, run.now())
        record_state(connection, run, owner.app, rules_file, INGESTED)


def ingest_recordings(
    run: IngestRun, owner: CallOwner, router: TenantRouter | None, root: Path, find_ids: CallIdFinder
) -> None:
    """Ingest a folder of recordings for each owner. A file that is nobody's is reported once."""
    owners = router.list_owners() if router else [owner]
    for position, recordings_owner in enumerate(owners, 1):
        ingest_folder(run, recordings_owner, root, find_ids, reports_unmatched=position == len(owners))

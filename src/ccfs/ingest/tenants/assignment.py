"""Assign the records of a pass to their owners. Records without an owner are stored, listed and retried.

A record belongs to the owner that its own facts identify, otherwise to the owner of its call. It is retried when its
call gets an owner and when the rules change, whether or not its file still exists.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.ingest import ingest_state, unassigned_records
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.db.tenant.ingest.unassigned_records import UnassignedRecord
from ccfs.ingest.calls.large_calls import leave_out_large_calls
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER, FREESWITCH_MERGER, L, LegMerger
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.expected import expect_unassigned_recordings, forget_unassigned_recordings
from ccfs.ingest.tenants.account_router import AccountRouter
from ccfs.ingest.tenants.call_records import CallRecord, Item, SaveItems, from_row, list_legs, to_row
from ccfs.ingest.tenants.queue_lines import find_member_owners
from ccfs.ingest.tenants.routers import NO_RULE, CallRouter, Owner, TenantRouter, group_by_app
from ccfs.model.calls.call_id import to_call_id
from ccfs.switches.asterisk.channels import AgentMatcher
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.freeswitch import ChannelLeg

BATCH_RECORDS = 1000  # records that are tried again in one transaction
_MAX_ROUNDS = 16  # legs of legs of a call that are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAssigner:
    """Assigns the records of one switch."""

    run: IngestRun
    home: CallOwner  # holds the state of the switch's files
    router: CallRouter
    source: str  # the kind of switch and its folder
    savers: Mapping[type[Item], SaveItems]  # by the kind of record
    agents: AgentMatcher = field(default_factory=AgentMatcher)

    @property
    def _rules(self) -> str:
        return self.router.digest if isinstance(self.router, TenantRouter) else ""

    def assign(self, connection: Connection, records: Sequence[CallRecord]) -> None:
        """Save each record for its owner. Store those that have none."""
        owners = self._find_owners(connection, records)
        self._save(connection, owners, records)
        left = [record for record in records if record.source_key not in owners]
        self._store(connection, left)
        assigned = [record for record in records if record.source_key in owners]
        for _ in range(_MAX_ROUNDS):
            assigned = self._assign_waiting(connection, assigned)
            if not assigned:
                return

    def try_again(self) -> None:
        """Assign records that earlier runs left unassigned, if the current rules cover them."""
        while True:
            with self.run.app_transaction(self.home.app) as connection:
                rows = self._list_changed(connection)
                if not rows:
                    return
                self.assign(connection, [from_row(row) for row in rows])
            if self.run.is_stopped():
                return

    def has_unassigned(self) -> bool:
        """Return whether any record of the switch has no owner."""
        with self.run.database.read_transaction() as connection:
            return unassigned_records.exists(connection, self.home.app, self.source)

    def list_unassigned(self) -> None:
        """Reject records that still have no owner."""
        app = self.home.app
        with self.run.database.read_transaction() as connection:
            if not unassigned_records.list_unlisted(connection, app, self.source, 1):
                return
        while True:
            with self.run.app_transaction(app) as connection:
                rows = unassigned_records.list_unlisted(connection, app, self.source, BATCH_RECORDS)
                self.run.reject(connection, app, [_build_rejection(row) for row in rows if from_row(row).is_reported])
                unassigned_records.mark_listed(connection, app, self.source, [row.source_key for row in rows])
            if len(rows) < BATCH_RECORDS:
                return

    def _list_changed(self, connection: Connection) -> list[UnassignedRecord]:
        if isinstance(self.router, AccountRouter):
            domains = self.router.domains
            return unassigned_records.list_by_domains(connection, self.home.app, self.source, domains, BATCH_RECORDS)
        return unassigned_records.list_outdated(connection, self.home.app, self.source, self._rules, BATCH_RECORDS)

    def _find_owners(self, connection: Connection, records: Sequence[CallRecord]) -> dict[str, Owner]:
        """Return the known owners by source_key."""
        owners: dict[str, Owner] = {}
        for record in records:
            if owner := self.router.find_owner(record.facts, record.domain):
                owners[record.source_key] = owner
        others = [record for record in records if record.source_key not in owners]
        if not others:
            return owners
        owners |= find_member_owners(connection, self.router.list_owners(), self.agents, others)
        by_call = _collect_by_id(records, owners)
        self._add_saved_owners(connection, by_call, [record for record in others if record.call_id])
        foreign = self._find_foreign_calls(connection, records, others)
        for record in others:
            if record.source_key in owners or not self.router.may_follow_call(record.facts, record.domain):
                continue
            if owner := _choose_owner(record, by_call):
                owners[record.source_key] = owner
            elif self.router.default_owner and not foreign & {record.call_id, record.leg_id}:
                owners[record.source_key] = self.router.default_owner
        return owners

    def _find_foreign_calls(
        self, connection: Connection, records: Sequence[CallRecord], others: Sequence[CallRecord]
    ) -> set[str]:
        """Return the ids of calls that have a domain of another tenant."""
        if self.router.default_owner is None:
            return set()
        ids = {name for record in others for name in (record.call_id, record.leg_id) if name}
        stored = unassigned_records.find_by_ids(connection, self.home.app, self.source, ids)
        foreign = [
            (record.call_id, record.leg_id) for record in others if self.router.find_name(record.facts, record.domain)
        ]
        foreign += [(row.call_id, row.leg_id) for row in stored if row.domain]
        return {name for names in foreign for name in names} - {""}

    def _add_saved_owners(
        self, connection: Connection, by_call: dict[str, dict[str, Owner]], records: Sequence[CallRecord]
    ) -> None:
        """Add the owners of rows that earlier batches saved for the records' calls."""
        ids = {name for record in records for name in (record.call_id, record.leg_id) if name}
        call_ids = {to_call_id(name): name for name in ids}
        near = [record.begin for record in records]
        for app_owners in group_by_app(self.router.list_owners()):
            app = app_owners[0].app
            known = {(owner.account.account_id, str(owner.vdn.vdn_id)): owner for owner in app_owners}
            calls = cdrs.find_by_call_ids(connection, app, call_ids, near)
            rows = [(call_ids[call_id], row) for call_id, some in calls.items() for row in some]
            rows += [(row.switch_leg_id, row) for row in cdrs.find_by_leg_ids(connection, app, ids, near)]
            for name, row in rows:
                if owner := known.get((row.account_id, row.vdn_id)):
                    by_call.setdefault(name, {})[row.switch_leg_id] = owner

    def _save(self, connection: Connection, owners: Mapping[str, Owner], records: Iterable[CallRecord]) -> None:
        groups: dict[tuple[CallOwner, type[Item]], list[CallRecord]] = defaultdict(list)
        for record in records:
            owner = owners.get(record.source_key)
            if isinstance(owner, CallOwner):
                groups[owner, record.kind].append(record)
        lock_apps(connection, self.home, [owner for owner, _ in groups])
        for (owner, kind), some in groups.items():
            items = self._leave_out_large_calls(connection, owner, some)
            self.savers[kind](connection, owner, items)
        app = self.home.app
        if unassigned_records.exists(connection, app, self.source):
            deleted = unassigned_records.delete(connection, app, self.source, owners)
            forget_unassigned_recordings(connection, app, list_legs([from_row(row) for row in deleted]))

    def _leave_out_large_calls(
        self, connection: Connection, owner: CallOwner, records: Sequence[CallRecord]
    ) -> list[Item]:
        """Return the items of records of one kind, without those of calls that have too many rows."""
        legs = [record for record in records if isinstance(record.items[0], AsteriskLeg)]
        channels = [record for record in records if isinstance(record.items[0], ChannelLeg)]
        kept = self._list_kept(connection, owner, legs, ASTERISK_MERGER)
        kept |= self._list_kept(connection, owner, channels, FREESWITCH_MERGER)
        others = {record.source_key for record in records} - {record.source_key for record in (*legs, *channels)}
        keys = kept | others
        return [item for record in records if record.source_key in keys for item in record.items]

    def _list_kept(
        self, connection: Connection, owner: CallOwner, records: Sequence[CallRecord], merger: LegMerger[L]
    ) -> set[str]:
        """Return the keys of the legs that can be saved."""
        items = [(record.line, record.items[0]) for record in records]
        lines = [(line, leg) for line, leg in items if isinstance(leg, merger.leg_class)]
        return {leg.source_key for leg in leave_out_large_calls(connection, self.run, owner, lines, merger)}

    def _store(self, connection: Connection, records: Sequence[CallRecord]) -> None:
        """Store records without an owner, unless another account of the app has them."""
        if not records:
            return
        app = self.home.app
        if isinstance(self.router, AccountRouter):
            records = _drop_saved(connection, self.home, records)
        rows = [
            replace(to_row(record, self._describe(record)), domain=self.router.find_name(record.facts, record.domain))
            for record in records
        ]
        unassigned_records.add(connection, app, self.source, rows, self._rules, self.run.now())
        expect_unassigned_recordings(connection, app, list_legs(records))

    def _describe(self, record: CallRecord) -> str:
        if record.member_id and not record.facts and not record.call_id:
            return f"{NO_RULE}{record.member_id} of the queue log is no account's agent, or several accounts'"
        return self.router.describe(record.facts, record.domain)

    def _assign_waiting(self, connection: Connection, assigned: Sequence[CallRecord]) -> list[CallRecord]:
        """Save and return stored records that belong to the same calls as these records."""
        ids = {name for record in assigned for name in (record.call_id, record.leg_id, record.member_id)}
        rows = unassigned_records.find_by_ids(connection, self.home.app, self.source, ids)
        records = [from_row(row) for row in rows]
        owners = self._find_owners(connection, records) if records else {}
        self._save(connection, owners, records)
        return [record for record in records if record.source_key in owners]


def lock_apps(connection: Connection, home: CallOwner, owners: Iterable[CallOwner]) -> None:
    """Lock the owners' apps, so that no other run ingests their calls. The app of `home` is locked already."""
    apps = {owner.app.id: owner.app for owner in owners if owner.app.id != home.app.id}
    for app in apps.values():
        ingest_state.lock_app(connection, app)


def _collect_by_id(records: Sequence[CallRecord], owners: Mapping[str, Owner]) -> dict[str, dict[str, Owner]]:
    """Return the owners of lines by leg, for each id of a call or a leg."""
    by_id: dict[str, dict[str, Owner]] = defaultdict(dict)
    for record in records:
        if owner := owners.get(record.source_key):
            for name in {record.call_id, record.leg_id} - {""}:
                by_id[name][record.leg_id] = owner
    return by_id


def _choose_owner(record: CallRecord, by_id: Mapping[str, Mapping[str, Owner]]) -> Owner | None:
    """Return the owner of another line of the channel, otherwise of the call's first channel, otherwise of all its lines."""
    legs = {**by_id.get(record.leg_id, {}), **by_id.get(record.call_id, {})} if record.call_id else {}
    if first := legs.get(record.leg_id) or legs.get(record.call_id):
        return first
    owners = set(legs.values())
    return owners.pop() if len(owners) == 1 else None


def _drop_saved(connection: Connection, home: CallOwner, records: Sequence[CallRecord]) -> list[CallRecord]:
    """Return the records whose lines are not yet rows of an account of the app."""
    call_ids = {to_call_id(record.call_id) for record in records}
    calls = cdrs.find_by_call_ids(connection, home.app, call_ids, [record.begin for record in records])
    saved = {row.source_key for rows in calls.values() for row in rows}
    return [record for record in records if record.source_key not in saved]


def _build_rejection(row: UnassignedRecord) -> IngestRejection:
    return IngestRejection(file=row.file, line=row.line, reason=row.reason, raw=row.raw)

"""A call centre for the console's tests: two apps with calls of yesterday, and users of every role."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ccfs.db.system import tenants
from ccfs.db.system.console import passwords, users
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.cdr import Cdr, DeviceType, LeaveReason
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests.console.console_client import PASSWORD
from tests.two_tenants import add_app, add_recording, make_a_law_wav

ZONE = ZoneInfo("Asia/Shanghai")  # of the accounts
# Noon of yesterday: no call is near a midnight of the accounts.
BEGIN = datetime.combine(datetime.now(ZONE).date() - timedelta(days=1), time(12), ZONE).astimezone(UTC)
DAY = f"{BEGIN.astimezone(ZONE):%Y-%m-%d}"
CDR_COUNT = 7  # of all apps
HOSTILE_TEXT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
HOSTILE_FILE_NAME = '/0/1/record/x/acme-account/undated/512/a"b\r\nset-cookie: x=1;<script>é.V3'


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCentreData:
    """The call centre's apps and recordings."""

    acme: App
    bolt: App
    first_recording: Recording  # of acme's first call
    other_account_recording: Recording  # of the same app's other account
    other_app_recording: Recording  # of the other app
    hostile_recording: Recording

    @property
    def account_param(self) -> str:
        """The parameter `account` of acme's first account."""
        return f"{self.acme.ak}/acme-account"


def make_leg(account_id: str, call_id: str, minutes: int = 0, **more: object) -> Cdr:
    """Return a leg of a call that began some minutes after BEGIN, answered by an agent."""
    begin = BEGIN + timedelta(minutes=minutes)
    usual = Cdr(
        account_id=account_id,
        cc_id="1",
        vdn_id="1",
        call_id=call_id,
        agent_id="512",
        caller_no="02079460001",
        callee_no="600",
        begin=begin,
        wait_begin=begin,
        wait_end=begin + timedelta(seconds=20),
        ack_begin=begin + timedelta(seconds=20),
        ack_end=begin + timedelta(seconds=25),
        call_begin=begin + timedelta(seconds=25),
        call_end=begin + timedelta(seconds=145),
        device_type=DeviceType.AGENT,
        current_skill_id="sales",
        release_cause=16,
        switch_call_id=call_id.replace("-", "."),
        switch_leg_id=f"{call_id}-leg",
        source_key=hashlib.md5(f"{account_id} {call_id} {minutes}".encode()).hexdigest(),
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def create_call_centre(node: Node) -> CallCentreData:
    """Add two apps, one with two accounts; calls, recordings, users."""
    acme, bolt = add_app(node, "acme", "x" * 32, 4), add_app(node, "bolt", "y" * 32, 8)
    with node.database.write_transaction() as connection:
        vdn = Vdn(vdn_id=5, cc_id=1, account_id="acme-other")
        tenants.add_account(connection, acme, Account(account_id="acme-other", zone="Europe/London"), vdn, BEGIN)
        cdrs.add(connection, acme, _make_legs())
        cdrs.add(connection, acme, [make_leg("acme-other", "1700000000-7", caller_no="0777")])
        cdrs.add(connection, bolt, [make_leg("bolt-account", "1700000000-1", caller_no="0888")])
        did = AgentOperation(
            id="1",
            account_id="acme-account",
            agent_id="512",
            call_id="1700000000-1",
            begin=BEGIN,
            end=BEGIN + timedelta(minutes=2),
            op_type=AgentOperationType.AFTER_CALL,
            vdn_id="4",
            cc_id="1",
        )
        agent_operations.add(connection, acme, [did])
    _add_users(node, acme, bolt)
    return CallCentreData(
        acme=acme,
        bolt=bolt,
        first_recording=_add_recording(node, acme, "acme-account", "1700000000-1", "/0/1/record/x/heard.wav", 1),
        other_account_recording=_add_recording(node, acme, "acme-other", "1700000000-7", "/0/1/record/x/other.wav", 2),
        other_app_recording=_add_recording(node, bolt, "bolt-account", "1700000000-1", "/0/1/record/x/foreign.wav", 3),
        hostile_recording=_add_recording(node, acme, "acme-account", "1700000000-4", HOSTILE_FILE_NAME, 4),
    )


def _make_legs() -> list[Cdr]:
    queue = {"device_type": DeviceType.QUEUE, "agent_id": "", "call_begin": None, "call_end": None, "call_id_num": 1}
    return [
        make_leg("acme-account", "1700000000-1"),
        make_leg("acme-account", "1700000000-2", 10, **queue),
        make_leg("acme-account", "1700000000-2", 11, agent_id="513"),
        make_leg(
            "acme-account",
            "1700000000-3",
            20,
            agent_id="",
            caller_no="0123",
            call_begin=None,
            call_end=None,
            leave_reason=LeaveReason.QUEUE_CANCELLED,
            device_type=DeviceType.QUEUE,
        ),
        make_leg("acme-account", "1700000000-4", 30, caller_name=HOSTILE_TEXT, call_type=7, callee_no="0999"),
    ]


def _add_recording(node: Node, app: App, account_id: str, call_id: str, name: str, seed: int) -> Recording:
    more = {"account_id": account_id, "call_id": call_id, "call_begin": BEGIN, "call_end": BEGIN + timedelta(minutes=2)}
    return add_recording(node, app, make_a_law_wav(seed, 3), name, f"Y:/{seed}/0/20201015/512/{seed}.V3", **more)


def _add_users(node: Node, acme: App, bolt: App) -> None:
    roles = {
        "olga": Grant(role=Role.OPERATOR),
        "eva": Grant(role=Role.EVALUATOR, app=acme.id, account_id="acme-account"),
        "gus": Grant(role=Role.AGENT, app=acme.id, account_id="acme-account", agent_id="512"),
        "lucy": Grant(role=Role.LISTENER, app=acme.id, account_id="acme-account"),
        "emil": Grant(role=Role.EXPORTER, app=acme.id),
        "anna": Grant(role=Role.ADMINISTRATOR, app=acme.id),
        "audrey": Grant(role=Role.AUDITOR),
        "basil": Grant(role=Role.LISTENER, app=bolt.id),
        "nick": None,
    }
    password_hash = passwords.hash_password(PASSWORD)
    with node.database.write_transaction() as connection:
        for name, grant in roles.items():
            user = users.add(connection, name, password_hash, BEGIN)
            if grant:
                users.grant_role(connection, user, grant)

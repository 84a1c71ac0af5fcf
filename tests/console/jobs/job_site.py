"""The site of the jobs: the demo, with a hold, calls of today, a missing recording, a rejected line, a failed callback, listeners."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.db.system.console import passwords, users
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.db.tenant.ingest import expected_recordings
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.ingest.asterisk import ingest
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.cdr import Cdr, DeviceType, LeaveReason
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import utc_now
from ccfs.workers.maintenance.statistics import update_call_statistics
from tests.certificates import create_identity
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.console.demo_site import LONDON, DemoSite, run_demo_site
from tests.two_tenants import add_recording, make_a_law_wav

ZONE = ZoneInfo("Europe/London")
SUPERVISOR, LISTENER = "anna", "emil"
QUEUE, REJECTED_LINE = "sales", '"","02079460","600","no line of this kind"\n'
TODAY_ANSWERED, TODAY_ABANDONED = 3, 1
TODAY_AGENT = "1004"
KNOWN_RECORDING = "/0/1/record/known.wav"  # of the known call
MISSING_FILE = "never-arrived.wav"
TALK_SECONDS = 200  # of the known call, over three minutes
HOLD_SECONDS = (60, 90)  # after the agent has answered
SETTLE_SECONDS = 120  # of the worker, where the machine is busy


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCall:
    """A recorded call of yesterday, of a caller who called once."""

    call_id: str
    caller_no: str
    agent_id: str
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSite:
    """The site, and what the jobs look for."""

    demo: DemoSite
    call: KnownCall
    unrecorded_call: str  # a call whose recording is missing
    certificate: Path

    @property
    def first_url(self) -> str:
        """The only address that a job opens."""
        return self.demo.build_url("").rstrip("/")

    def count(self, table: str, condition: str) -> int:
        """Return a number of calls of the account."""
        query = f"SELECT count(DISTINCT call_id) FROM {table} WHERE account_id = '{LONDON}' AND {condition}"
        return int(self.demo.query(query)[0][0])


@contextmanager
def run_job_site(folder: Path, **more: Any) -> Iterator[JobSite]:
    """Run the site until the block ends, with further settings."""
    with run_demo_site(folder / "data", **more) as demo:
        _request_export(demo)
        call = _add_known_call(demo)
        _add_supervisor(demo)
        _add_hold(demo, call)
        _add_calls_of_today(demo)
        _add_rejected_line(demo)
        _listen(demo, call)
        site = JobSite(
            demo=demo,
            call=call,
            unrecorded_call=_add_missing_recording(demo),
            certificate=folder / "receiver.pem",
        )
        site.certificate.write_bytes(create_identity("crm.example.com").pem)
        count_statistics(demo)
        _wait_for_failed_callback(demo)
        yield site


def count_statistics(demo: DemoSite) -> None:
    """Count the calls that are new, beside the server's own worker."""
    while update_call_statistics(demo.server.node.database):
        pass


def _request_export(demo: DemoSite) -> None:
    """Request an export, whose first callback the receiver refuses."""
    today = utc_now().astimezone(ZONE)
    days = {"beginTime": f"{today - timedelta(days=2):%Y-%m-%d 00:00:00}", "endTime": f"{today:%Y-%m-%d 00:00:00}"}
    fields = {"accountId": LONDON, "callBackURL": demo.receiver.url, **days}
    reply = demo.client.request("queryBillData", fields)
    assert reply.result_code == "0", reply.body


def _wait_for_failed_callback(demo: DemoSite) -> None:
    give_up = time.monotonic() + SETTLE_SECONDS
    while demo.query("SELECT count(*) FROM deliveries WHERE state = 'dead'") != [(1,)]:
        assert time.monotonic() < give_up, "the callback was never attempted"
        time.sleep(0.05)


def _add_known_call(demo: DemoSite) -> KnownCall:
    """Add a call of yesterday afternoon with a recording, whose caller called once."""
    now = utc_now().astimezone(ZONE)
    begin = now.replace(hour=15, minute=4, second=11, microsecond=0) - timedelta(days=1)
    leg = make_leg("known", begin, True, agent="1003", talk=TALK_SECONDS, caller_no="01174960731")
    node, answered_at = demo.server.node, leg.wait_end
    assert answered_at is not None
    with node.database.write_transaction() as connection:
        cdrs.add(connection, demo.app, [leg])
    names = {"file_name": KNOWN_RECORDING, "original_file_name": "Y:/1/0/known.V3", "caller_no": leg.caller_no}
    call: dict[str, Any] = {
        "call_id": leg.call_id,
        "call_begin": answered_at,
        "call_end": leg.call_end,
        "agent_id": leg.agent_id,
    }
    audio = make_a_law_wav(1, TALK_SECONDS)
    add_recording(node, demo.app, audio, **names, **call, account_id=LONDON, callee_no=leg.callee_no)
    return KnownCall(call_id=leg.call_id, caller_no=leg.caller_no, agent_id=leg.agent_id, answered_at=answered_at)


def _add_supervisor(demo: DemoSite) -> None:
    grant = Grant(role=Role.ADMINISTRATOR, app=demo.app.id)
    with demo.server.node.database.write_transaction() as connection:
        user = users.add(connection, SUPERVISOR, passwords.hash_password(PASSWORD), utc_now())
        users.grant_role(connection, user, grant)


def _add_hold(demo: DemoSite, call: KnownCall) -> None:
    begin, end = (call.answered_at + timedelta(seconds=seconds) for seconds in HOLD_SECONDS)
    hold = AgentOperation(
        id="hold",
        account_id=LONDON,
        agent_id=call.agent_id,
        call_id=call.call_id,
        begin=begin,
        end=end,
        op_type=AgentOperationType.HOLD,
        vdn_id="1",
        cc_id="1",
    )
    with demo.server.node.database.write_transaction() as connection:
        agent_operations.add(connection, demo.app, [hold])


def _add_calls_of_today(demo: DemoSite) -> None:
    """Add calls of the queue between midnight and now, however short that is."""
    now = utc_now()
    midnight = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    count = TODAY_ANSWERED + TODAY_ABANDONED
    begins = [midnight + (now - midnight) * (number + 1) / (count + 1) for number in range(count)]
    legs = [make_leg(f"today-{number}", begin, number < TODAY_ANSWERED) for number, begin in enumerate(begins)]
    with demo.server.node.database.write_transaction() as connection:
        cdrs.add(connection, demo.app, legs)


def make_leg(
    key: str, begin: datetime, is_answered: bool, *, queue: str = QUEUE, agent: str = TODAY_AGENT, **more: Any
) -> Cdr:
    """Return the only leg of a call that waited ten seconds, or was abandoned then."""
    waited = begin + timedelta(seconds=10)
    talk = {"call_begin": waited, "call_end": waited + timedelta(seconds=more.pop("talk", 90)), "agent_id": agent}
    outcome = talk if is_answered else {"leave_reason": LeaveReason.QUEUE_CANCELLED}
    fields: dict[str, Any] = {
        "account_id": LONDON,
        "cc_id": "1",
        "vdn_id": "1",
        "call_id": f"{int(begin.timestamp())}-{key}"[:25],
        "caller_no": "02079460999",
        "callee_no": "600",
        "begin": begin,
        "wait_begin": begin,
        "wait_end": waited,
        "device_type": DeviceType.AGENT if is_answered else DeviceType.QUEUE,
        "current_skill_id": queue,
        "switch_call_id": key,
        "switch_leg_id": key,
        "source_key": f"job-{key}",
    }
    return Cdr(**fields | outcome | more)


def _add_rejected_line(demo: DemoSite) -> None:
    node = demo.server.node
    folder = node.settings.data / "demo" / LONDON
    with (folder / "Master.csv").open("a") as lines:
        lines.write(REJECTED_LINE)
    (empty := folder / "no-recordings").mkdir()
    settled = node.settings.model_copy(update={"settle_seconds": 0.0})
    run = IngestRun(database=node.database, primary_location=node.primary_location, settings=settled, now=utc_now)
    owner = CallOwner(
        app=demo.app,
        account=Account(account_id=LONDON, zone="Europe/London"),
        vdn=Vdn(vdn_id=1, cc_id=1, account_id=LONDON),
    )
    ingest(run, owner, AsteriskSource(cdr=folder / "Master.csv", queue_log=folder / "queue_log", recordings=[empty]))


def _listen(demo: DemoSite, call: KnownCall) -> None:
    """Let another user play the call."""
    client = ConsoleClient(server=demo.server)
    assert client.sign_in(LISTENER).status == 303
    ((name,),) = demo.query(f"SELECT min(file_name) FROM recordings WHERE call_id = '{call.call_id}'")
    query = urlencode({"account": demo.build_account_param(LONDON), "name": name})
    assert client.get(f"/console/audio?{query}").status == 200


def _add_missing_recording(demo: DemoSite) -> str:
    """Let the switch have announced a recording of a call of today. Return the call."""
    ((call_id,),) = demo.query(
        f"SELECT min(call_id) FROM cdrs WHERE account_id = '{LONDON}' AND source_key = 'job-today-0'"
    )
    row = ExpectedRecording(
        account_id=LONDON,
        name=MISSING_FILE,
        path=MISSING_FILE,
        stem=MISSING_FILE.removesuffix(".wav"),
        call_id=call_id,
        since=utc_now() - timedelta(days=3),
    )
    with demo.server.node.database.write_transaction() as connection:
        expected_recordings.add(connection, demo.app, [row])
        expected_recordings.mark_missing(connection, demo.app, utc_now(), utc_now())  # as a pass of ingest does
    return str(call_id)

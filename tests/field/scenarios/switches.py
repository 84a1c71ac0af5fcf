"""The simulated switches: how each is set up, what it writes, and where its contact centre is."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.field.scenarios.asterisk import files as asterisk_files
from tests.field.scenarios.asterisk.files import CdrDialect
from tests.field.scenarios.asterisk.log import AsteriskManner
from tests.field.scenarios.asterisk.writer import AsteriskWriter
from tests.field.scenarios.catalogue import SCENARIOS
from tests.field.scenarios.events import CallScript
from tests.field.scenarios.freeswitch.dialled import FreeSwitchManner
from tests.field.scenarios.freeswitch.writer import FreeSwitchWriter
from tests.field.scenarios.world import World, WorldPlan
from tests.field.scenarios.written import WrittenFiles


class SwitchWriter(Protocol):
    """Writes the files of one switch."""

    def write(self, folder: Path, world: World, scripts: Sequence[CallScript]) -> WrittenFiles: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSwitch:
    """One switch, its contact centre, and the scenarios that it knows."""

    name: str
    plan: WorldPlan
    writer: SwitchWriter
    scenarios: frozenset[str] = frozenset(SCENARIOS)
    account_zone: str = "Europe/London"


_OLD_SCENARIOS = frozenset(SCENARIOS) - {
    *("feature_code_transfer", "attended_transfer", "queue_attended_transfer", "parking", "pick_up", "queue_pick_up"),
    *("conference", "click_to_call_local", "follow_me"),
}
_TABLE = CdrDialect(
    columns=asterisk_files.FREEPBX_TABLE, quoting=csv.QUOTE_MINIMAL, has_header=True, names_recording=True
)
_FREEPBX = AsteriskManner(has_local_members=True, hides_caller=True)

ASTERISK_SWITCHES = (
    SimulatedSwitch(
        name="asterisk-11",
        plan=WorldPlan(zone="America/New_York", first_agent=201, queues=("600", "sales"), trunk="carrier"),
        writer=AsteriskWriter(
            manner=AsteriskManner(technology="SIP", is_old=True, logs_cancelled_rings=False),
            dialect=CdrDialect(columns=asterisk_files.CDR_CSV_18, numbers_are_quoted=False),
        ),
        scenarios=_OLD_SCENARIOS,
        account_zone="America/New_York",
    ),
    SimulatedSwitch(
        name="asterisk-13",
        plan=WorldPlan(zone="America/Sao_Paulo", first_agent=1001, queues=("600", "610"), trunk="telco-out"),
        writer=AsteriskWriter(
            manner=AsteriskManner(answers_before_queue=False, logs_cancelled_rings=False),
            dialect=CdrDialect(columns=asterisk_files.CDR_CSV_21, numbers_are_quoted=False, names_recording=True),
        ),
        account_zone="Asia/Shanghai",
    ),
    SimulatedSwitch(
        name="asterisk-18",
        plan=WorldPlan(zone="Asia/Shanghai", first_agent=8001, queues=("vip", "support"), system_name="pbx-1.lon"),
        writer=AsteriskWriter(
            manner=AsteriskManner(has_circuit_cause=True),
            dialect=CdrDialect(columns=asterisk_files.CDR_CUSTOM, time_form="iso"),
            has_queue_table=True,
            named_queue="vip",
        ),
        account_zone="Asia/Shanghai",
    ),
    SimulatedSwitch(
        name="asterisk-22",
        plan=WorldPlan(zone="Australia/Lord_Howe", first_agent=70011, queues=("600", "620"), system_name="pbx2"),
        writer=AsteriskWriter(
            manner=AsteriskManner(), dialect=CdrDialect(columns=asterisk_files.CDR_CUSTOM, delimiter=";")
        ),
    ),
    SimulatedSwitch(
        name="freepbx",
        plan=WorldPlan(
            zone="Europe/London", first_agent=1001, queues=("600", "620"), system_name="pbx-main", trunk="MyTrunk"
        ),
        writer=AsteriskWriter(manner=_FREEPBX, dialect=_TABLE, named_queue="620", has_dated_names=True),
    ),
    SimulatedSwitch(
        name="freepbx-without-queue-log",
        plan=WorldPlan(zone="Europe/Berlin", first_agent=4001, queues=("600", "620"), trunk="Trunk_1"),
        writer=AsteriskWriter(manner=_FREEPBX, dialect=_TABLE, has_queue_log=False, has_dated_names=True),
    ),
)
_CSV_WITH_QUEUES = (
    "caller_id_name,caller_id_number,destination_number,context,start_epoch,answer_epoch,end_epoch,duration,billsec,"
    "hangup_cause,hangup_cause_q850,uuid,bleg_uuid,direction,originating_leg_uuid,user_name,dialed_user,sip_gateway_name,"
    "sofia_profile_name,sip_hangup_disposition,last_app,last_arg,cc_queue,cc_side,cc_agent,cc_agent_uuid,cc_member_session_uuid,"
    "cc_queue_joined_epoch,cc_queue_answered_epoch,cc_queue_terminated_epoch,cc_queue_canceled_epoch,cc_cause,cc_cancel_reason"
)
_FUSIONPBX = FreeSwitchManner(is_fusionpbx=True)

FREESWITCH_SWITCHES = (
    SimulatedSwitch(
        name="freeswitch-json",
        plan=WorldPlan(zone="America/Chicago", first_agent=1001, queues=("support", "600"), domain="default"),
        writer=FreeSwitchWriter(manner=FreeSwitchManner(), form="json"),
    ),
    SimulatedSwitch(
        name="freeswitch-csv",
        plan=WorldPlan(zone="Asia/Kolkata", first_agent=1001, queues=("600", "601"), domain="192.0.2.1"),
        writer=FreeSwitchWriter(manner=FreeSwitchManner(), form="csv"),
        account_zone="Asia/Kolkata",
    ),
    SimulatedSwitch(
        name="freeswitch-own-csv",
        plan=WorldPlan(zone="Europe/Paris", first_agent=301, queues=("sales", "610"), domain="pbx.example.org"),
        writer=FreeSwitchWriter(manner=FreeSwitchManner(), form="csv", columns=_CSV_WITH_QUEUES),
    ),
    SimulatedSwitch(
        name="fusionpbx-a-legs",
        plan=WorldPlan(zone="Europe/London", first_agent=1001, queues=("600", "610"), domain="acme.example.com"),
        writer=FreeSwitchWriter(manner=_FUSIONPBX, form="xml", logs_b_legs=False),
    ),
    SimulatedSwitch(
        name="fusionpbx-both-legs",
        plan=WorldPlan(
            zone="Australia/Adelaide", first_agent=201, queues=("8000", "8001"), domain="tenant.example.net"
        ),
        writer=FreeSwitchWriter(manner=_FUSIONPBX, form="xml"),
    ),
    SimulatedSwitch(
        name="fusionpbx-json",
        plan=WorldPlan(zone="Asia/Shanghai", first_agent=60001, queues=("700", "701"), domain="fusion.example.com"),
        writer=FreeSwitchWriter(manner=_FUSIONPBX, form="json", logs_b_legs=False, encodes=False),
    ),
)
SWITCHES = (*ASTERISK_SWITCHES, *FREESWITCH_SWITCHES)

"""Asking for files and fetching them: CDRs and recording index, agent operations, agent skill changes. Not making them."""

import secrets
from zoneinfo import ZoneInfo

from ccfs.model import errors
from ccfs.model.callback_url import callback_url, is_bound
from ccfs.model.export import Export, Filter, Kind, Table
from ccfs.model.tenancy import asking_zone
from ccfs.store import exports
from ccfs.web.answers import Answer, KeptFile, Plain
from ccfs.web.here import Caller, Here
from ccfs.web.period import period
from ccfs.web.request import Request
from ccfs.wire import asks, envelope

TABLES: dict[str, tuple[Table, ...]] = {"call": ("call",), "record": ("record",), "call_record": ("call", "record")}


async def query_bill_data(here: Here, caller: Caller, _request: Request, ask: asks.QueryBillData) -> Answer:
    """Ask for CDRs, recording index, or both."""
    wanted = Filter(
        account_id=ask.accountId or "",
        agent_id=ask.agentId or "",
        call_id=ask.callId or "",
        caller_no=ask.callerNo or "",
        callee_no=ask.calleeNo or "",
    )
    return await _ask(here, caller, ask, Kind.BILL, TABLES[ask.dataType], wanted)


async def query_agent_opr_info_data(
    here: Here, caller: Caller, _request: Request, ask: asks.QueryAgentOprInfoData
) -> Answer:
    """Ask for agent operations."""
    wanted = Filter(account_id=ask.accountId or "", agent_id=ask.agentId or "")
    return await _ask(here, caller, ask, Kind.AGENT_OPERATION, ("agentOprInfo",), wanted)


async def query_agent_skill_info_data(
    here: Here, caller: Caller, _request: Request, ask: asks.QueryAgentSkillInfoData
) -> Answer:
    """Ask for agent skill changes."""
    wanted = Filter(account_id=ask.accountId or "", agent_id=ask.agentId or "")
    return await _ask(here, caller, ask, Kind.AGENT_SKILL, ("agentSkillInfo",), wanted)


async def download_bill_file(here: Here, caller: Caller, _request: Request, ask: asks.DownloadBillFile) -> Answer:
    """Fetch a file of CDRs and recording index."""
    return await _fetch(here, caller, Kind.BILL, ask.billFileName)


async def download_agent_opr_info_file(
    here: Here, caller: Caller, _request: Request, ask: asks.DownloadAgentOprInfoFile
) -> Answer:
    """Fetch a file of agent operations."""
    return await _fetch(here, caller, Kind.AGENT_OPERATION, ask.agentOprInfoFileName)


async def download_agent_skill_info_file(
    here: Here, caller: Caller, _request: Request, ask: asks.DownloadAgentSkillInfoFile
) -> Answer:
    """Fetch a file of agent skill changes."""
    return await _fetch(here, caller, Kind.AGENT_SKILL, ask.agentSkillInfoFileName)


async def _ask(
    here: Here, caller: Caller, ask: asks.QueryAgentOprInfoData, kind: Kind, tables: tuple[Table, ...], wanted: Filter
) -> Answer:
    """Keep the request; the answer is its id, the file comes later and is announced."""
    zone = _zone(caller, wanted.account_id)
    now = here.now()
    export = Export(
        response_id=secrets.token_hex(16),
        kind=kind,
        tables=tables,
        window=period(ask.beginTime, ask.endTime, zone, days=here.settings.export_max_days),
        filter=wanted,
        callback_url=_callback(caller, ask.callBackURL),
        asked_on=now.astimezone(zone).date(),
        asked_at=now,
    )
    await here.tell(lambda connection: exports.add(connection, caller.app, export))
    return Plain(body=envelope.success({"responseId": export.response_id}, mirror=True))


async def _fetch(here: Here, caller: Caller, kind: Kind, name: str) -> Answer:
    kept = await here.ask(lambda connection: exports.ready_file(connection, caller.app, kind, name))
    if kept is None:
        raise errors.NoFile
    return KeptFile(kept=kept, name=name)


def _zone(caller: Caller, account_id: str) -> ZoneInfo:
    try:
        return asking_zone(caller.picture.accounts.get(caller.app.id, {}), account_id)
    except KeyError:
        raise errors.NoAccount from None


def _callback(caller: Caller, url: str) -> str:
    target = callback_url(url)
    if target is None:
        raise errors.WrongFormat("callBackURL")
    if not is_bound(target, caller.picture.callbacks.get(caller.app.id, {})):
        raise errors.CallbackNotBound
    return url

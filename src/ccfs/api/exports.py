"""Asking for files and fetching them: CDRs and recording index, agent operations, agent skill changes. Not making them."""

import secrets
from zoneinfo import ZoneInfo

from ccfs.api.time_range import parse_time_range
from ccfs.db.tenant import exports
from ccfs.model import errors
from ccfs.model.exports.callback_url import matches_any_prefix, parse_callback_url
from ccfs.model.exports.export import Export, ExportFilter, ExportKind, ExportTable
from ccfs.model.identity.tenancy import query_zone
from ccfs.protocol import requests, responses
from ccfs.web.context import ApiClient, WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BlobResponse, BytesResponse, Response

TABLES_BY_DATA_TYPE: dict[str, tuple[ExportTable, ...]] = {
    "call": ("call",),
    "record": ("record",),
    "call_record": ("call", "record"),
}


async def query_bill_data(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.QueryBillData
) -> Response:
    """Ask for CDRs, recording index, or both."""
    wanted = ExportFilter(
        account_id=ask.accountId or "",
        agent_id=ask.agentId or "",
        call_id=ask.callId or "",
        caller_no=ask.callerNo or "",
        callee_no=ask.calleeNo or "",
    )
    return await _request_export(here, caller, ask, ExportKind.BILL, TABLES_BY_DATA_TYPE[ask.dataType], wanted)


async def query_agent_opr_info_data(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.QueryAgentOprInfoData
) -> Response:
    """Ask for agent operations."""
    wanted = ExportFilter(account_id=ask.accountId or "", agent_id=ask.agentId or "")
    return await _request_export(here, caller, ask, ExportKind.AGENT_OPERATION, ("agentOprInfo",), wanted)


async def query_agent_skill_info_data(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.QueryAgentSkillInfoData
) -> Response:
    """Ask for agent skill changes."""
    wanted = ExportFilter(account_id=ask.accountId or "", agent_id=ask.agentId or "")
    return await _request_export(here, caller, ask, ExportKind.AGENT_SKILL, ("agentSkillInfo",), wanted)


async def download_bill_file(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.DownloadBillFile
) -> Response:
    """Fetch a file of CDRs and recording index."""
    return await _download_export(here, caller, ExportKind.BILL, ask.billFileName)


async def download_agent_opr_info_file(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.DownloadAgentOprInfoFile
) -> Response:
    """Fetch a file of agent operations."""
    return await _download_export(here, caller, ExportKind.AGENT_OPERATION, ask.agentOprInfoFileName)


async def download_agent_skill_info_file(
    here: WebContext, caller: ApiClient, _request: Request, ask: requests.DownloadAgentSkillInfoFile
) -> Response:
    """Fetch a file of agent skill changes."""
    return await _download_export(here, caller, ExportKind.AGENT_SKILL, ask.agentSkillInfoFileName)


async def _request_export(
    here: WebContext,
    caller: ApiClient,
    ask: requests.QueryAgentOprInfoData,
    kind: ExportKind,
    tables: tuple[ExportTable, ...],
    wanted: ExportFilter,
) -> Response:
    """Keep the request; the answer is its id, the file comes later and is announced."""
    zone = _resolve_zone(caller, wanted.account_id)
    now = here.now()
    export = Export(
        response_id=secrets.token_hex(16),
        kind=kind,
        tables=tables,
        window=parse_time_range(ask.beginTime, ask.endTime, zone, days=here.settings.export_max_days),
        filter=wanted,
        callback_url=_validate_callback_url(caller, ask.callBackURL),
        requested_on=now.astimezone(zone).date(),
        requested_at=now,
    )
    await here.transaction(lambda connection: exports.add(connection, caller.app, export))
    return BytesResponse(body=responses.build_success({"responseId": export.response_id}, legacy_response=True))


async def _download_export(here: WebContext, caller: ApiClient, kind: ExportKind, name: str) -> Response:
    kept = await here.query(lambda connection: exports.get_ready_file(connection, caller.app, kind, name))
    if kept is None:
        raise errors.NoFile
    return BlobResponse(blob=kept, name=name)


def _resolve_zone(caller: ApiClient, account_id: str) -> ZoneInfo:
    try:
        return query_zone(caller.tenants.accounts.get(caller.app.id, {}), account_id)
    except KeyError:
        raise errors.NoAccount from None


def _validate_callback_url(caller: ApiClient, url: str) -> str:
    target = parse_callback_url(url)
    if target is None:
        raise errors.InvalidFormat("callBackURL")
    if not matches_any_prefix(target, caller.tenants.callback_prefixes.get(caller.app.id, {})):
        raise errors.CallbackNotBound
    return url

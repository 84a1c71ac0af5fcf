"""Requests for exports, and their downloads: CDRs and recording index, agent operations, agent skill changes."""

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
from ccfs.web.flow_control import QUEUE_RETRY_SECONDS
from ccfs.web.request import Request
from ccfs.web.responses.types import BlobResponse, BytesResponse, Response

TABLES_BY_DATA_TYPE: dict[str, tuple[ExportTable, ...]] = {
    "call": ("call",),
    "record": ("record",),
    "call_record": ("call", "record"),
}


_OPERATIONS = {
    ExportKind.BILL: "queryBillData",
    ExportKind.AGENT_OPERATION: "queryAgentOprInfoData",
    ExportKind.AGENT_SKILL: "queryAgentSkillInfoData",
}


async def query_bill_data(
    context: WebContext, client: ApiClient, _request: Request, body: requests.QueryBillData
) -> Response:
    """Request an export of CDRs, recording index, or both."""
    export_filter = ExportFilter(
        account_id=body.accountId or "",
        agent_id=body.agentId or "",
        call_id=body.callId or "",
        caller_no=body.callerNo or "",
        callee_no=body.calleeNo or "",
    )
    return await _request_export(
        context, client, body, ExportKind.BILL, TABLES_BY_DATA_TYPE[body.dataType], export_filter
    )


async def query_agent_opr_info_data(
    context: WebContext, client: ApiClient, _request: Request, body: requests.QueryAgentOprInfoData
) -> Response:
    """Request an export of agent operations."""
    export_filter = ExportFilter(account_id=body.accountId or "", agent_id=body.agentId or "")
    return await _request_export(context, client, body, ExportKind.AGENT_OPERATION, ("agentOprInfo",), export_filter)


async def query_agent_skill_info_data(
    context: WebContext, client: ApiClient, _request: Request, body: requests.QueryAgentSkillInfoData
) -> Response:
    """Request an export of agent skill changes."""
    export_filter = ExportFilter(account_id=body.accountId or "", agent_id=body.agentId or "")
    return await _request_export(context, client, body, ExportKind.AGENT_SKILL, ("agentSkillInfo",), export_filter)


async def download_bill_file(
    context: WebContext, client: ApiClient, _request: Request, body: requests.DownloadBillFile
) -> Response:
    """Return an export of CDRs and recording index."""
    return await _download_export(context, client, ExportKind.BILL, body.billFileName)


async def download_agent_opr_info_file(
    context: WebContext, client: ApiClient, _request: Request, body: requests.DownloadAgentOprInfoFile
) -> Response:
    """Return an export of agent operations."""
    return await _download_export(context, client, ExportKind.AGENT_OPERATION, body.agentOprInfoFileName)


async def download_agent_skill_info_file(
    context: WebContext, client: ApiClient, _request: Request, body: requests.DownloadAgentSkillInfoFile
) -> Response:
    """Return an export of agent skill changes."""
    return await _download_export(context, client, ExportKind.AGENT_SKILL, body.agentSkillInfoFileName)


async def _request_export(
    context: WebContext,
    client: ApiClient,
    body: requests.QueryAgentOprInfoData,
    kind: ExportKind,
    tables: tuple[ExportTable, ...],
    export_filter: ExportFilter,
) -> Response:
    """Store the request and return its id. A worker generates the file later, and a callback announces it."""
    zone = _resolve_zone(client, export_filter.account_id)
    now = context.now()
    export = Export(
        response_id=secrets.token_hex(16),
        kind=kind,
        tables=tables,
        window=parse_time_range(body.beginTime, body.endTime, zone, days=context.settings.export_max_days),
        filter=export_filter,
        callback_url=_validate_callback_url(client, body.callBackURL),
        requested_on=now.astimezone(zone).date(),
        requested_at=now,
    )
    limit = context.flow_control.get_limits(client.app.id).queued_exports or 0
    if not await context.transaction(lambda connection: exports.add_if_fewer(connection, client.app, export, limit)):
        operation = _OPERATIONS[kind]
        context.flow_control.reject(client.app, operation, errors.QueryLimitReached(QUEUE_RETRY_SECONDS))
    return BytesResponse(body=responses.build_success({"responseId": export.response_id}, legacy_response=True))


async def _download_export(context: WebContext, client: ApiClient, kind: ExportKind, name: str) -> Response:
    blob = await context.look_up(lambda connection: exports.get_ready_file(connection, client.app, kind, name))
    if blob is None:
        raise errors.NoFile
    return BlobResponse(blob=blob, name=name)


def _resolve_zone(client: ApiClient, account_id: str) -> ZoneInfo:
    try:
        return query_zone(client.tenants.accounts.get(client.app.id, {}), account_id)
    except KeyError:
        raise errors.NoAccount from None


def _validate_callback_url(client: ApiClient, url: str) -> str:
    target = parse_callback_url(url)
    if target is None:
        raise errors.InvalidFormat("callBackURL")
    if not matches_any_prefix(target, client.tenants.callback_prefixes.get(client.app.id, {})):
        raise errors.CallbackNotBound
    return url

"""The web application: it dispatches a request to its handler, sends the response, counts and logs it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ccfs.api import auth, docs, exports, playback, recording_urls, recordings, voice_files
from ccfs.blobs.peer import PATH_PREFIX as PEERS
from ccfs.console import router
from ccfs.console.context import ConsoleContext
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import RETRY_AFTER_SECONDS
from ccfs.logs import get_logger, log_request
from ccfs.model import errors
from ccfs.protocol import error_codes, requests, responses, signed_url
from ccfs.protocol.operations import READ_METHODS, Operation, iter_paths
from ccfs.server import health, peer
from ccfs.web.app_counters import RequestKind
from ccfs.web.request import Request, build_request, read_body
from ccfs.web.responses.send import send_response
from ccfs.web.responses.types import BytesResponse, Response

BODY_OVERHEAD_BYTES = 1 << 16  # of a JSON body, beyond its largest field
BLOCKING_THREADS = 64  # mostly waiting: a location that hangs must not block requests for other locations
UPLOAD = "ivr/uploadFile"  # the only operation with a large body
_DOWNLOAD, _QUERY = RequestKind.DOWNLOAD, RequestKind.QUERY
MAX_JSON_BYTES = 1 << 18  # of a body of an operation other than the upload

Handler = Callable[..., Awaitable[Response]]
OPERATION_HANDLERS: dict[str, Handler] = {
    "getRecordFileUrlFromObs": recording_urls.get_record_file_url_from_obs,
    "queryBillData": exports.query_bill_data,
    "downloadBillFile": exports.download_bill_file,
    "queryAgentOprInfoData": exports.query_agent_opr_info_data,
    "downloadAgentOprInfoFile": exports.download_agent_opr_info_file,
    "queryAgentSkillInfoData": exports.query_agent_skill_info_data,
    "downloadAgentSkillInfoFile": exports.download_agent_skill_info_file,
    "downloadRecordFile": recordings.download_record_file,
    "downloadRecord": recordings.download_record,
    "requestPlayVoice": playback.request_play_voice,
    "downloadOiapRecord": voice_files.download_oiap_record,
    "downloadIVRRecordFile": voice_files.download_ivr_record_file,
    "ivr/downloadFile": voice_files.download_file,
    "ivr/uploadFile": voice_files.upload_file,
    "ivr/getFileHash": voice_files.get_file_hash,
    "ivr/deleteFile": voice_files.delete_file,
}
PAGE_HANDLERS: dict[str, Handler] = {
    "/healthz": health.get_health,
    "/readyz": health.get_readiness,
    "/metrics": health.get_metrics,
    "/docs": docs.get_docs,
    "/openapi.json": docs.get_openapi,
}
PREFIX_HANDLERS: dict[str, tuple[str, Handler]] = {  # by path prefix, with the name in metrics and logs
    signed_url.PATH_PREFIX: ("obs", recording_urls.download_by_signed_url),
    PEERS: ("peer", peer.download_blob),
}


def _find_page_handler(path: str) -> tuple[str, Handler | None]:
    """Return the name of a path in metrics and logs, and its handler, if it is not an operation's."""
    if path in PAGE_HANDLERS:
        return path, PAGE_HANDLERS[path]
    if router.matches(path):
        return "console", None
    return next((named for prefix, named in PREFIX_HANDLERS.items() if path.startswith(prefix)), ("other", None))


class WebApp:
    """The application of one web process."""

    def __init__(self, context: ConsoleContext) -> None:
        self.context = context
        context.database.read_timeout.seconds = context.settings.database_read_timeout_seconds
        self._operations = dict(iter_paths())
        self._limits_task: asyncio.Task[None] | None = None
        self._upload_limit = context.settings.upload_limit_mb * (1 << 20) * 3 // 2 + BODY_OVERHEAD_BYTES

    def prepare_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the number of threads that may wait for a location or a database."""
        loop.set_default_executor(ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix="wait"))

    async def handle(self, exchange: Exchange) -> None:
        """Handle one request."""
        started_at = time.perf_counter()
        request = build_request(exchange, secrets.token_hex(8))
        operation = self._operations.get(request.path)
        name = operation.name if operation else _find_page_handler(request.path)[0]
        try:
            status, code, size = await self._handle_and_send(request, operation, exchange)
        except ClientDisconnected as error:
            status, code, size = error.status, "", error.sent_bytes
        seconds = (exchange.started_at or time.perf_counter()) - started_at
        self._record_request(request, name, status, code, size, seconds)

    def record_connections(self, count: int) -> None:
        """Note how many connections this process has. The server calls this about once a second."""
        self.context.metrics.connections.set(count)
        self.context.usage.write_in_background()
        flow_control = self.context.flow_control
        flow_control.count_delayed_bytes()
        if flow_control.is_active and (self._limits_task is None or self._limits_task.done()):
            self._limits_task = asyncio.ensure_future(self._update_limits())

    def record_closed_connection(self, reason: str) -> None:
        """Count a connection that the server has closed."""
        self.context.metrics.closed_connections.labels(reason).inc()

    async def _update_limits(self) -> None:
        """Apply changed limits to responses under way, although no request may arrive for a long time."""
        with suppress(errors.FileUnavailable):
            self.context.flow_control.update(await self.context.get_tenant_snapshot())

    async def _handle_and_send(
        self, request: Request, operation: Operation | None, exchange: Exchange
    ) -> tuple[int, str, int]:
        response, code = await self._handle(request, operation, exchange)
        try:
            status, size = await send_response(self.context, request, response, exchange)
        except errors.CcfsError as error:
            self.context.failures.record(error)
            failure = self._error_response(request, operation, error)
            code = error_codes.find_code(error).code
            status, size = await send_response(self.context, request, failure, exchange)
        return status, code, size

    async def _handle(self, request: Request, operation: Operation | None, exchange: Exchange) -> tuple[Response, str]:
        try:
            if operation is None:
                return await self._handle_page(request, exchange), ""
            if request.method not in operation.methods:
                return self._http_error_response(request, 405, operation.methods), ""
            return await self._handle_operation(request, operation, exchange), error_codes.SUCCESS.code
        except errors.CcfsError as error:
            self.context.failures.record(error)
            return self._error_response(request, operation, error), error_codes.find_code(error).code
        except ClientDisconnected:
            raise
        except Exception:  # noqa: BLE001  of any kind: the client gets a response, and the log the traceback
            get_logger().exception("request failed", action="request_failed", request=request.id, path=request.path)
            error_code = error_codes.RESULT_CODES[errors.CcfsError].code
            return self._error_response(request, operation, errors.CcfsError()), error_code

    async def _handle_page(self, request: Request, exchange: Exchange) -> Response:
        if self.context.settings.console and router.matches(request.path):
            return await router.handle_request(self.context, request, exchange)
        _, handler = _find_page_handler(request.path)
        if handler is None:
            return self._http_error_response(request, 404)
        is_peer = request.path.startswith(PEERS)  # whose handler gives strangers one response to every method
        if request.method not in READ_METHODS and not is_peer:
            return self._http_error_response(request, 405, READ_METHODS)
        return await handler(self.context, request)

    async def _handle_operation(self, request: Request, operation: Operation, exchange: Exchange) -> Response:
        if operation.request_model is None:
            return await playback.play_voice(self.context, request)
        address = request.get_client_address(self.context.settings.trusted_proxies)
        snapshot = await self.context.get_tenant_snapshot()
        auth.raise_if_locked(self.context, snapshot, address)
        claim = await auth.check_claim(self.context, snapshot, request, address)
        limit = self._upload_limit if operation.name == UPLOAD else MAX_JSON_BYTES
        body = await read_body(exchange, limit, address, f"app {claim.app.id}")
        client = await auth.authenticate_client(self.context, snapshot, request, claim, body, address)
        kind = _DOWNLOAD if operation.is_binary else _QUERY
        flow_control = self.context.flow_control
        if flow_control.try_admit(request, client.app, snapshot, kind):
            await flow_control.admit(request, client.app, snapshot, operation.name, kind)
        parsed = requests.parse_request(operation.request_model, body, envelope_optional=operation.envelope_optional)
        return await OPERATION_HANDLERS[operation.name](self.context, client, request, parsed)

    def _error_response(self, request: Request, operation: Operation | None, error: errors.CcfsError) -> Response:
        if isinstance(error, errors.Unauthorised):
            return self._http_error_response(request, 401)
        if isinstance(error, errors.AddressLocked):
            return self._http_error_response(request, 403)
        if isinstance(error, errors.ServerBusy):
            return self._http_error_response(request, 503)
        if operation is None:
            return self._http_error_response(request, 500)
        language = self.context.settings.language
        body = responses.build_failure(
            error, legacy_response=operation.legacy_response, data=operation.failure_data, language=language
        )
        content_type = responses.JSON_TYPE if operation.is_signed else responses.PLAY_FAILURE_TYPE
        headers = (("retry-after", str(error.retry_after)),) if isinstance(error, errors.FlowLimitReached) else ()
        return BytesResponse(body=body, content_type=content_type, extra_headers=headers)

    def _http_error_response(self, request: Request, status: int, methods: Sequence[str] = ()) -> BytesResponse:
        now_ms = int(self.context.now().timestamp() * 1000)
        return BytesResponse(
            body=responses.build_http_error(status, request.path, now_ms),
            status=status,
            allowed_methods=", ".join(methods),
            extra_headers=(("retry-after", str(RETRY_AFTER_SECONDS)),) if status == 503 else (),
        )

    def _record_request(self, request: Request, name: str, status: int, code: str, size: int, seconds: float) -> None:
        self.context.metrics.record_request(name, status, code, size, seconds)
        if self.context.settings.log_requests:
            log_request(request.id, name, status, code, size, seconds)

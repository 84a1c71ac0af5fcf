"""The web process's door: a request comes in, is led to its visitor's file, and leaves as an answer, counted and logged.

It speaks RSGI, Granian's own protocol, because only that hands files and ranges to the server (docs/notes/001).
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ccfs.logs import log, log_answer
from ccfs.model import errors
from ccfs.store.locations.peer import PATH as PEERS
from ccfs.web import docs, exports, health, ivr, obs, peer, play, recordings, signed
from ccfs.web.answers import Answer, Plain
from ccfs.web.console import door
from ccfs.web.here import Here
from ccfs.web.request import ProtocolClosed, Request, Scope, drop_body, read_body, read_scope
from ccfs.web.send import send
from ccfs.wire import asks, codes, envelope, signed_url
from ccfs.wire.operations import READING, Operation, paths

SLACK = 1 << 16  # bytes that a JSON body may be longer than its largest field
THREADS = 64  # they wait, mostly: a location that is silent must not hold up what needs another one
LEFT = 499  # status in metrics and logs of a request whose sender went away: nobody got an answer

Handler = Callable[..., Awaitable[Answer]]
HANDLERS: dict[str, Handler] = {
    "getRecordFileUrlFromObs": obs.get_record_file_url_from_obs,
    "queryBillData": exports.query_bill_data,
    "downloadBillFile": exports.download_bill_file,
    "queryAgentOprInfoData": exports.query_agent_opr_info_data,
    "downloadAgentOprInfoFile": exports.download_agent_opr_info_file,
    "queryAgentSkillInfoData": exports.query_agent_skill_info_data,
    "downloadAgentSkillInfoFile": exports.download_agent_skill_info_file,
    "downloadRecordFile": recordings.download_record_file,
    "downloadRecord": recordings.download_record,
    "requestPlayVoice": play.request_play_voice,
    "downloadOiapRecord": ivr.download_oiap_record,
    "downloadIVRRecordFile": ivr.download_ivr_record_file,
    "ivr/downloadFile": ivr.download_file,
    "ivr/uploadFile": ivr.upload_file,
    "ivr/getFileHash": ivr.get_file_hash,
    "ivr/deleteFile": ivr.delete_file,
}
PAGES: dict[str, Handler] = {
    "/healthz": health.healthz,
    "/readyz": health.readyz,
    "/metrics": health.metrics,
    "/docs": docs.page,
    "/openapi.json": docs.openapi,
}
FOLDERS: dict[str, tuple[str, Handler]] = {  # paths that begin so; their names in metrics and in the log
    signed_url.FOLDER: ("obs", obs.recording),
    PEERS: ("peer", peer.file),
}


def _page_of(path: str) -> tuple[str, Handler | None]:
    """What a path that is no operation's is called, and who answers it."""
    if path in PAGES:
        return path, PAGES[path]
    if door.leads_to(path):
        return "console", None
    return next((page for folder, page in FOLDERS.items() if path.startswith(folder)), ("other", None))


class Web:
    """The RSGI application of one web process."""

    def __init__(self, here: Here) -> None:
        self._here = here
        here.database.patience.seconds = here.settings.database_silence_seconds
        self._operations = dict(paths())
        self._body_limit = here.settings.upload_limit_mb * (1 << 20) * 3 // 2 + SLACK

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server calls this once: as many threads as callers that may wait for a location or a database at once."""
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="wait"))

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer one request."""
        began = time.perf_counter()
        request = read_scope(scope, secrets.token_hex(8))
        operation = self._operations.get(request.path)
        name = operation.name if operation else _page_of(request.path)[0]
        try:
            status, code, size = await self._respond(request, operation, protocol)
        except ProtocolClosed:
            status, code, size = LEFT, "", 0
        self._record(request, name, status, code, size, began)

    async def _respond(self, request: Request, operation: Operation | None, protocol: Any) -> tuple[int, str, int]:
        answer, code = await self._answer(request, operation, protocol)
        try:
            status, size = await send(self._here, request, answer, protocol)
        except errors.CcfsError as error:
            failure = self._failure(request, operation, error)
            code = codes.code_of(error).code
            status, size = await send(self._here, request, failure, protocol)
        return status, code, size

    async def _answer(self, request: Request, operation: Operation | None, protocol: Any) -> tuple[Answer, str]:
        try:
            if operation is None:
                return await self._page(request, protocol), ""
            if request.method not in operation.methods:
                await drop_body(request, protocol, self._body_limit)
                return self._refusal(request, 405, operation.methods), ""
            return await self._perform(request, operation, protocol), codes.SUCCESS.code
        except errors.CcfsError as error:
            return self._failure(request, operation, error), codes.code_of(error).code
        except ProtocolClosed:
            raise
        except Exception:  # noqa: BLE001  of whatever kind: the caller gets an answer, and the log the reason
            log().exception("failed", action="request_failed", request=request.id, path=request.path)
            return self._failure(request, operation, errors.CcfsError()), codes.CODES[errors.CcfsError].code

    async def _page(self, request: Request, protocol: Any) -> Answer:
        if self._here.settings.console and door.leads_to(request.path):
            return await door.visit(self._here, request, protocol)
        await drop_body(request, protocol, self._body_limit)
        _, page = _page_of(request.path)
        if page is None:
            return self._refusal(request, 404)
        if request.method not in READING and not request.path.startswith(PEERS):  # there strangers get one answer only
            return self._refusal(request, 405, READING)
        return await page(self._here, request)

    async def _perform(self, request: Request, operation: Operation, protocol: Any) -> Answer:
        if operation.ask is None:
            return await play.play_voice(self._here, request)
        address = request.address(self._here.settings.trusted_proxies)
        try:
            picture = await self._here.picture()
            signed.refuse_locked(self._here, picture, address)
        except errors.CcfsError:
            await drop_body(request, protocol, self._body_limit)
            raise
        body = await read_body(request, protocol, self._body_limit)
        caller = await signed.caller_of(self._here, picture, request, body, address)
        ask = asks.read(operation.ask, body, flat=operation.flat)
        return await HANDLERS[operation.name](self._here, caller, request, ask)

    def _failure(self, request: Request, operation: Operation | None, error: errors.CcfsError) -> Answer:
        if isinstance(error, errors.Unauthorised):
            return self._refusal(request, 401)
        if isinstance(error, errors.AddressLocked):
            return self._refusal(request, 403)
        if operation is None:
            return self._refusal(request, 500)
        language = self._here.settings.language
        body = envelope.failure(error, mirror=operation.mirror, data=operation.empty, language=language)
        kind = envelope.JSON_TYPE if operation.signed else envelope.PLAY_FAILURE_TYPE
        return Plain(body=body, content_type=kind)

    def _refusal(self, request: Request, status: int, methods: Sequence[str] = ()) -> Plain:
        now_ms = int(self._here.now().timestamp() * 1000)
        return Plain(body=envelope.refusal(status, request.path, now_ms), status=status, allow=", ".join(methods))

    def _record(self, request: Request, name: str, status: int, code: str, size: int, began: float) -> None:
        seconds = time.perf_counter() - began
        self._here.counters.answered(name, status, code, size, seconds)
        if self._here.settings.log_requests:
            log_answer(request.id, name, status, code, size, seconds)

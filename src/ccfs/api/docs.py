"""/docs and /openapi.json, generated from the tables that serve the operations. They need no asset, network or script."""

import base64
import hashlib
import json
from functools import cache
from html import escape
from typing import Any

from ccfs import __version__
from ccfs.protocol import responses
from ccfs.protocol.error_codes import RESULT_CODES
from ccfs.protocol.operations import BASE_PATH, OPERATIONS, Operation
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse, Response

_PAGE_SUMMARIES = {
    "/healthz": "Liveness of the process.",
    "/readyz": "Readiness to serve.",
    "/metrics": "Metrics in Prometheus' text format.",
}
_BINARY_CONTENT = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_PARAMETER_SCHEMAS = {"locationId": {"type": "integer"}, "vdnId": {"type": "integer"}}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f4f6;border-radius:4px}code{padding:.1em .3em}"
    "pre{padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;"
    "border-bottom:1px solid #d9dde3;padding:.3rem .5rem;vertical-align:top}h2{margin-top:2.5rem}nav a{margin-right:1em}"
    "@media(prefers-color-scheme:dark){body{background:#15181c;color:#e6e8eb}code,pre{background:#23272e}"
    "td,th{border-color:#3a4048}a{color:#8ab4f8}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_SECURITY_HEADERS = (
    ("content-security-policy", f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
)


async def get_openapi(_context: WebContext, _request: Request) -> Response:
    """Return the OpenAPI 3.1 document."""
    return BytesResponse(body=json.dumps(build_openapi(), ensure_ascii=False).encode(), content_type="application/json")


async def get_docs(_context: WebContext, _request: Request) -> Response:
    """Return the documentation page."""
    return BytesResponse(
        body=_render_html().encode(), content_type="text/html;charset=UTF-8", extra_headers=_SECURITY_HEADERS
    )


@cache
def build_openapi() -> dict[str, Any]:
    """Return the OpenAPI document, generated from the table of operations."""
    paths: dict[str, Any] = {BASE_PATH + operation.name: _build_path_item(operation) for operation in OPERATIONS}
    for path, summary in _PAGE_SUMMARIES.items():
        paths[path] = {"get": {"summary": summary, "security": [], "responses": {"200": {"description": summary}}}}
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization", "description": _SIGNATURE_FORMAT}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ccfs", "version": __version__, "description": "Contact-centre file service, CC-FS dialect."},
        "paths": paths,
        "components": {"securitySchemes": {"auth-v2": scheme}},
        "security": [{"auth-v2": []}],
    }


_SIGNATURE_FORMAT = "auth-v2/{AK}/{timestamp}/{signedHeaders}/{signature}; see docs/signing.md"


def _build_path_item(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name.replace("/", "_"),
        "summary": _summary(operation),
        "description": f"Manual page {operation.manual_page}. Failures are HTTP 200 with a result code, except 401 and 403.",
        "parameters": [_build_parameter(operation, name) for name in operation.query_parameters],
        "responses": {"200": {"description": "success or failure", "content": _build_response_content(operation)}},
    }
    if operation.request_model is None:
        return {"get": {**described, "security": []}}
    for status, text in (("401", "unauthorised"), ("403", "address locked out")):
        described["responses"][status] = {
            "description": text,
            "content": {"application/json": {"schema": _HTTP_ERROR_SCHEMA}},
        }
    body = {"required": True, "content": {"application/json": {"schema": _build_body_schema(operation)}}}
    return {"post": {**described, "requestBody": body}}


_HTTP_ERROR_SCHEMA = {
    "type": "object",
    "required": ["timestamp", "status", "error", "message", "path"],
    "properties": {
        "timestamp": {"type": "integer"},
        "status": {"type": "integer"},
        "error": {"type": "string"},
        "message": {"type": "string"},
        "path": {"type": "string"},
    },
}


def _build_parameter(operation: Operation, name: str) -> dict[str, Any]:
    schema = _PARAMETER_SCHEMAS.get(name, {"type": "string"})
    required = name in ("vdnId", "st", "t", "version")
    return {"name": name, "in": "query", "required": required and operation.is_signed, "schema": schema}


def _build_body_schema(operation: Operation) -> dict[str, Any]:
    assert operation.request_model is not None
    version = {"type": "object", "required": ["version"], "properties": {"version": {"const": "2.0"}}}
    fields = operation.request_model.model_json_schema()
    enveloped = {
        "type": "object",
        "required": ["request", "msgBody"],
        "properties": {"request": version, "msgBody": fields},
    }
    return {"anyOf": [fields, enveloped]} if operation.envelope_optional else enveloped


def _build_response_content(operation: Operation) -> dict[str, Any]:
    properties: dict[str, Any] = {"resultCode": {"type": "string"}, "resultDesc": {"type": "string"}, "resultData": {}}
    if operation.legacy_response:
        properties["response"] = {"type": "object"}
    schema = {"type": "object", "required": ["resultCode", "resultDesc", "resultData"], "properties": properties}
    return {"application/json": {"schema": schema}, **(_BINARY_CONTENT if operation.is_binary else {})}


def _summary(operation: Operation) -> str:
    text = (operation.request_model.__doc__ if operation.request_model else "Play the recording of a token.") or ""
    return text.strip().splitlines()[0]


def _render_fields(operation: Operation) -> str:
    if operation.request_model is None:
        return ""
    schema = operation.request_model.model_json_schema()
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{'yes' if name in schema.get('required', ()) else 'no'}</td>"
        f"<td>{escape(str(field.get('description', '')))}</td></tr>"
        for name, field in schema["properties"].items()
    ]
    return f"<table><tr><th>msgBody</th><th>required</th><th></th></tr>{''.join(rows)}</table>"


def _render_section(operation: Operation) -> str:
    method = "POST" if operation.request_model else "GET"
    query = "?" + "&".join(f"{name}=…" for name in operation.query_parameters) if operation.query_parameters else ""
    return (
        f"<h2 id='{operation.name}'>{escape(operation.name)}</h2><p>{escape(_summary(operation))}</p>"
        f"<pre>{method} {BASE_PATH}{operation.name}{query}</pre>{_render_fields(operation)}"
    )


@cache
def _render_html() -> str:
    links = "".join(f"<a href='#{operation.name}'>{operation.name}</a> " for operation in OPERATIONS)
    codes = "".join(
        f"<tr><td><code>{row.code}</code></td><td>{escape(row.en)}</td><td lang='zh'>{escape(row.zh)}</td></tr>"
        for row in sorted(RESULT_CODES.values())
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>ccfs {__version__}: operations</title><style>{_STYLE}</style><h1>ccfs {__version__}</h1>"
        f"<p>Operations of the CC-FS dialect. OpenAPI document: <a href='/openapi.json'>/openapi.json</a>. "
        f"Each POST is signed: <code>{escape(_SIGNATURE_FORMAT)}</code>. JSON responses are "
        f"<code>{responses.JSON_TYPE}</code>, files <code>{responses.BINARY_TYPE}</code>.</p><nav>{links}</nav>"
        f"{''.join(map(_render_section, OPERATIONS))}<h2 id='codes'>Codes</h2>"
        f"<table><tr><th>resultCode</th><th>en</th><th>zh</th></tr>{codes}</table></html>"
    )

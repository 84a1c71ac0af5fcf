"""/docs and /openapi.json: every operation described from the tables that serve it. No asset, no network, no script."""

import json
from functools import cache
from html import escape
from typing import Any

from ccfs import __version__
from ccfs.web.answers import Answer, Plain
from ccfs.web.here import Here
from ccfs.web.request import Request
from ccfs.wire import envelope
from ccfs.wire.codes import CODES
from ccfs.wire.operations import BASE, OPERATIONS, Operation

_PAGES = {"/healthz": "The process lives.", "/readyz": "It can serve.", "/metrics": "Counters, Prometheus' text form."}
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_FORMATS = {"locationId": {"type": "integer"}, "vdnId": {"type": "integer"}}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f4f6;border-radius:4px}code{padding:.1em .3em}"
    "pre{padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;"
    "border-bottom:1px solid #d9dde3;padding:.3rem .5rem;vertical-align:top}h2{margin-top:2.5rem}nav a{margin-right:1em}"
    "@media(prefers-color-scheme:dark){body{background:#15181c;color:#e6e8eb}code,pre{background:#23272e}"
    "td,th{border-color:#3a4048}a{color:#8ab4f8}}"
)


async def openapi(_here: Here, _request: Request) -> Answer:
    """The OpenAPI 3.1 document."""
    return Plain(body=json.dumps(document(), ensure_ascii=False).encode(), content_type="application/json")


async def page(_here: Here, _request: Request) -> Answer:
    """The same for people."""
    return Plain(body=_html().encode(), content_type="text/html;charset=UTF-8")


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document as a dict, made from the table of operations."""
    paths: dict[str, Any] = {BASE + operation.name: _path(operation) for operation in OPERATIONS}
    for path, summary in _PAGES.items():
        paths[path] = {"get": {"summary": summary, "security": [], "responses": {"200": {"description": summary}}}}
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization", "description": _SIGNATURE}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ccfs", "version": __version__, "description": "Contact-centre file service, CC-FS dialect."},
        "paths": paths,
        "components": {"securitySchemes": {"auth-v2": scheme}},
        "security": [{"auth-v2": []}],
    }


_SIGNATURE = "auth-v2/{AK}/{timestamp}/{signedHeaders}/{signature}; see docs/signing.md"


def _path(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name.replace("/", "_"),
        "summary": _summary(operation),
        "description": f"Manual page {operation.source}. Failures come as HTTP 200 with a code, 401 and 403 apart.",
        "parameters": [_parameter(operation, name) for name in operation.query],
        "responses": {"200": {"description": "success or failure", "content": _content(operation)}},
    }
    if operation.ask is None:
        return {"get": {**described, "security": []}}
    for status, text in (("401", "not authorised"), ("403", "address locked")):
        described["responses"][status] = {"description": text, "content": {"application/json": {"schema": _REFUSAL}}}
    body = {"required": True, "content": {"application/json": {"schema": _body(operation)}}}
    return {"post": {**described, "requestBody": body}}


_REFUSAL = {
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


def _parameter(operation: Operation, name: str) -> dict[str, Any]:
    schema = _FORMATS.get(name, {"type": "string"})
    required = name in ("vdnId", "st", "t", "version")
    return {"name": name, "in": "query", "required": required and operation.signed, "schema": schema}


def _body(operation: Operation) -> dict[str, Any]:
    assert operation.ask is not None
    version = {"type": "object", "required": ["version"], "properties": {"version": {"const": "2.0"}}}
    ask = operation.ask.model_json_schema()
    whole = {"type": "object", "required": ["request", "msgBody"], "properties": {"request": version, "msgBody": ask}}
    return {"anyOf": [ask, whole]} if operation.flat else whole


def _content(operation: Operation) -> dict[str, Any]:
    properties: dict[str, Any] = {"resultCode": {"type": "string"}, "resultDesc": {"type": "string"}, "resultData": {}}
    if operation.mirror:
        properties["response"] = {"type": "object"}
    schema = {"type": "object", "required": ["resultCode", "resultDesc", "resultData"], "properties": properties}
    return {"application/json": {"schema": schema}, **(_BINARY if operation.binary else {})}


def _summary(operation: Operation) -> str:
    text = (operation.ask.__doc__ if operation.ask else "The recording that a token plays.") or ""
    return text.strip().splitlines()[0]


def _fields(operation: Operation) -> str:
    if operation.ask is None:
        return ""
    schema = operation.ask.model_json_schema()
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{'yes' if name in schema.get('required', ()) else 'no'}</td>"
        f"<td>{escape(str(field.get('description', '')))}</td></tr>"
        for name, field in schema["properties"].items()
    ]
    return f"<table><tr><th>msgBody</th><th>required</th><th></th></tr>{''.join(rows)}</table>"


def _section(operation: Operation) -> str:
    method = "POST" if operation.ask else "GET"
    query = "?" + "&".join(f"{name}=…" for name in operation.query) if operation.query else ""
    return (
        f"<h2 id='{operation.name}'>{escape(operation.name)}</h2><p>{escape(_summary(operation))}</p>"
        f"<pre>{method} {BASE}{operation.name}{query}</pre>{_fields(operation)}"
    )


@cache
def _html() -> str:
    links = "".join(f"<a href='#{operation.name}'>{operation.name}</a> " for operation in OPERATIONS)
    codes = "".join(
        f"<tr><td><code>{row.code}</code></td><td>{escape(row.en)}</td><td lang='zh'>{escape(row.zh)}</td></tr>"
        for row in sorted(CODES.values())
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>ccfs {__version__}: operations</title><style>{_STYLE}</style><h1>ccfs {__version__}</h1>"
        f"<p>Operations of the CC-FS dialect. The same for machines: <a href='/openapi.json'>/openapi.json</a>. "
        f"Each POST is signed: <code>{escape(_SIGNATURE)}</code>. JSON answers are "
        f"<code>{envelope.JSON_TYPE}</code>, files <code>{envelope.BINARY_TYPE}</code>.</p><nav>{links}</nav>"
        f"{''.join(map(_section, OPERATIONS))}<h2 id='codes'>Codes</h2>"
        f"<table><tr><th>resultCode</th><th>en</th><th>zh</th></tr>{codes}</table></html>"
    )

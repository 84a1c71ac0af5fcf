"""ccfs call: any operation of any CC-FS server, signed."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx2
import typer

from ccfs.client import CcfsClient, ClientResponse
from ccfs.model.errors import OperatorError


def call_operation(
    operation: Annotated[str, typer.Argument(help="E.g. downloadRecord, or 'ivr/uploadFile?vdnId=1'.")],
    ask: Annotated[str, typer.Argument(metavar="[JSON|@FILE|-]", help="msgBody, or a whole body.")] = "{}",
    url: Annotated[str, typer.Option("--url", help="Scheme, host and port of the server.")] = "http://127.0.0.1:8480",
    ak: Annotated[str, typer.Option("--ak", help="Access key.")] = "",
    sk: Annotated[str, typer.Option("--sk", help="Secret key.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where a file goes; - for stdout.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not verify the server's certificate.")] = False,
) -> None:
    """Perform an operation: JSON goes to stdout, a file to -o or to the name that the server proposes."""
    if not ak or not sk:
        raise typer.BadParameter("--ak and --sk are needed")
    body = _parse_body(ask)
    try:
        with closing(CcfsClient(url, ak, sk, verify=not insecure)) as session, session.call(operation, body) as answer:
            _print_response(answer, output)
            if not answer.is_success:
                raise typer.Exit(1)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # the last: an answer that says it is JSON
        raise OperatorError(f"{url}: {error}") from None


def _parse_body(ask: str) -> dict[str, Any]:
    data = sys.stdin.buffer.read() if ask == "-" else Path(ask[1:]).read_bytes() if ask.startswith("@") else ask
    try:
        value = json.loads(data)
    except ValueError as error:
        raise typer.BadParameter(f"the ask is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("the ask is not a JSON object")
    return value


def _print_response(answer: ClientResponse, output: Path | None) -> None:
    if answer.data is not None:
        print(json.dumps(answer.data, ensure_ascii=False))
    elif answer.status != 200:
        raise OperatorError(f"the server answered {answer.status}")
    elif str(output) == "-" or (output is None and not sys.stdout.isatty()):
        _write_chunks(answer, sys.stdout.buffer)
    else:
        _save_file(answer, output or Path(Path(answer.file_name or "download").name))


def _save_file(answer: ClientResponse, path: Path) -> None:
    """Under a temporary name first: a download that breaks leaves no file that looks complete."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            size = _write_chunks(answer, file)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    print(f"{path}: {size} bytes", file=sys.stderr)


def _write_chunks(answer: ClientResponse, file: BinaryIO) -> int:
    size = 0
    for chunk in answer.iter_chunks():
        size += file.write(chunk)
    file.flush()
    return size

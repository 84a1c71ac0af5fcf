"""ccfs call: call any operation of a CC-FS server, signed."""

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
    operation: Annotated[
        str, typer.Argument(metavar="OPERATION", help="Operation, e.g. downloadRecord or 'ivr/uploadFile?vdnId=1'.")
    ],
    body: Annotated[str, typer.Argument(metavar="[JSON|@FILE|-]", help="msgBody or whole request body.")] = "{}",
    url: Annotated[str, typer.Option("--url", help="Scheme, host and port of the server.")] = "http://127.0.0.1:8480",
    ak: Annotated[str, typer.Option("--ak", help="Access key.")] = "",
    sk: Annotated[str, typer.Option("--sk", help="Secret key.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; - for stdout.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not verify the server's certificate.")] = False,
) -> None:
    """Call an operation of a CC-FS server. Print JSON; save a file as -o or as the server names it."""
    if not ak or not sk:
        raise typer.BadParameter("--ak and --sk are required")
    request = _parse_body(body)
    try:
        with (
            closing(CcfsClient(url, ak, sk, verify=not insecure)) as client,
            client.call(operation, request) as response,
        ):
            _print_response(response, output)
            if not response.is_success:
                raise typer.Exit(1)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # ValueError: invalid JSON in the response
        raise OperatorError(f"{url}: {error}") from None


def _parse_body(text: str) -> dict[str, Any]:
    data = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes() if text.startswith("@") else text
    try:
        value = json.loads(data)
    except ValueError as error:
        raise typer.BadParameter(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("the body is not a JSON object")
    return value


def _print_response(response: ClientResponse, output: Path | None) -> None:
    if response.data is not None:
        print(json.dumps(response.data, ensure_ascii=False))
    elif response.status != 200:
        raise OperatorError(f"the server responded with status {response.status}")
    elif str(output) == "-" or (output is None and not sys.stdout.isatty()):
        _write_chunks(response, sys.stdout.buffer)
    else:
        _save_file(response, output or Path(Path(response.file_name or "download").name))


def _save_file(response: ClientResponse, path: Path) -> None:
    """Save under a temporary name first, so that an aborted download leaves no file that looks complete.

    A device or a pipe is written to: renaming would put a file in its place.
    """
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            _write_chunks(response, file)
        return
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            size = _write_chunks(response, file)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    print(f"{path}: {size} bytes", file=sys.stderr)


def _write_chunks(response: ClientResponse, file: BinaryIO) -> int:
    size = 0
    for chunk in response.iter_chunks():
        size += file.write(chunk)
    file.flush()
    return size

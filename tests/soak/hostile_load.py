"""Hostile clients of several kinds and honest ones, as tasks of one event loop, against a real server."""

import asyncio
import logging
import multiprocessing
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, LegacyApiClient
from tests.http_server.hostile_clients import UPLOAD_PATH

BODY_BYTES = 7_900_000
RECEIVE_BYTES = 1 << 14  # buffer of a client that does not read
HOSTILE_ADDRESSES = 8
THINKING_SECONDS = 2.0  # of an honest client between two requests, on average
HONEST_TIMEOUT_SECONDS = 30.0


@dataclass(kw_only=True)
class LoadResult:
    """The requests of the honest clients, and the connections of the hostile ones."""

    seconds: list[float] = field(default_factory=list)  # of each honest request
    errors: Counter[str] = field(default_factory=Counter)
    hostile_connections: Counter[str] = field(default_factory=Counter)

    def get_percentile(self, share: float) -> float:
        """Return the seconds within which that share of the honest requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the clients request."""

    port: int
    client: ApiClient
    file_name: str  # of a small recording
    large_name: str  # of a recording that fits no buffer
    large_call: str  # a call with several of them

    def build_request(self, operation: str, msg_body: dict[str, str]) -> bytes:
        """Return a signed request."""
        path, body = BASE_PATH + operation, self.client.build_body(msg_body)
        return self._build_post(path, self.client.sign_headers(path, body)) + body

    def build_upload_head(self, *, is_signed: bool) -> bytes:
        """Return the head of a large upload."""
        headers = {"host": "x"}
        if is_signed:
            signer = LegacyApiClient(server=self.client.server, ak=self.client.ak, sk=self.client.sk)
            headers = signer.sign_headers(UPLOAD_PATH, b"")
        return self._build_post(UPLOAD_PATH, {**headers, "content-length": str(BODY_BYTES)})

    def _build_post(self, path: str, headers: dict[str, str]) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Attack = Callable[[Target, Streams], Awaitable[None]]


async def stay_silent(_target: Target, streams: Streams) -> None:
    await streams[0].read()


async def send_half_a_head(_target: Target, streams: Streams) -> None:
    streams[1].write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
    await streams[0].read()


async def drip_a_head(_target: Target, streams: Streams) -> None:
    streams[1].write(b"GET /healthz HTTP/1.1\r\nx: ")
    while not streams[0].at_eof():
        streams[1].write(b"y")
        await asyncio.sleep(1)


async def idle_after_a_response(_target: Target, streams: Streams) -> None:
    streams[1].write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    await streams[0].read()


async def send_a_body_of_nobody(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_upload_head(is_signed=False))
    await _send_most(streams)


async def send_most_of_a_signed_body(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_upload_head(is_signed=True))
    await _send_most(streams)


async def drip_a_signed_body(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_upload_head(is_signed=True))
    while not streams[0].at_eof():
        streams[1].write(b"y" * 100)
        await asyncio.sleep(1)


async def _send_most(streams: Streams) -> None:
    reader, writer = streams
    for _ in range(BODY_BYTES // 65_536):
        writer.write(b"a" * 65_536)
        await writer.drain()
    await reader.read()


async def read_nothing_of_a_file(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_request("downloadRecordFile", {"fileName": target.large_name}))
    await _wait_without_reading(streams)


async def read_nothing_of_a_zip(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_request("downloadRecord", {"callId": target.large_call}))
    await _wait_without_reading(streams)


async def read_nothing_of_many_responses(target: Target, streams: Streams) -> None:
    streams[1].write(target.build_request("downloadRecordFile", {"fileName": target.file_name}) * 200)
    await _wait_without_reading(streams)


async def _wait_without_reading(streams: Streams) -> None:
    streams[0]._transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(random.uniform(60, 120))


async def send_garbage(_target: Target, streams: Streams) -> None:
    streams[1].write(random.randbytes(3000))
    await streams[0].read()


async def pipeline_many_requests(_target: Target, streams: Streams) -> None:
    streams[1].write(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n" * 500)
    await streams[0].read()


async def sign_badly(target: Target, streams: Streams) -> None:
    """Send requests that another key signed."""
    stranger = replace(target, client=replace(target.client, sk="the-secret-of-somebody-else"))
    forged = stranger.build_request("downloadRecordFile", {"fileName": target.file_name})
    while not streams[0].at_eof():
        streams[1].write(forged)
        await streams[0].readuntil(b"\r\n\r\n")
        await asyncio.sleep(random.uniform(0, 1))


async def try_passwords(target: Target, streams: Streams) -> None:
    body = f"name=user{random.randrange(1000)}&password=guess{random.randrange(1000)}".encode()
    origin = f"http://127.0.0.1:{target.port}"
    head = (
        f"POST /console/login HTTP/1.1\r\nhost: 127.0.0.1:{target.port}\r\norigin: {origin}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    while not streams[0].at_eof():
        streams[1].write(head.encode() + body)
        await streams[0].readuntil(b"\r\n\r\n")
        await asyncio.sleep(random.uniform(0, 1))


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        stay_silent,
        send_half_a_head,
        drip_a_head,
        idle_after_a_response,
        send_a_body_of_nobody,
        send_most_of_a_signed_body,
        drip_a_signed_body,
        read_nothing_of_a_file,
        read_nothing_of_a_zip,
        read_nothing_of_many_responses,
        send_garbage,
        pipeline_many_requests,
        sign_badly,
        try_passwords,
    )
}


async def connect(port: int, source: str, receive_bytes: int = 0) -> Streams:
    """Open a connection from a loopback address."""
    plain = socket.socket()
    plain.setblocking(False)
    if receive_bytes:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    except BaseException:
        plain.close()
        raise
    return await asyncio.open_connection(sock=plain)


async def run_hostile_client(target: Target, name: str, number: int, until: float, result: LoadResult) -> None:
    """Attack again and again."""
    source = f"127.0.1.{1 + number % HOSTILE_ADDRESSES}"
    while time.monotonic() < until:
        try:
            streams = await connect(target.port, source, RECEIVE_BYTES if name.startswith("read_nothing") else 0)
        except OSError:
            await asyncio.sleep(0.5)
            continue
        result.hostile_connections[name] += 1
        try:
            async with asyncio.timeout(max(until - time.monotonic(), 0.1)):
                await ATTACKS[name](target, streams)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            streams[1].transport.abort()
        await asyncio.sleep(random.uniform(0, 0.5))


async def run_honest_client(target: Target, number: int, until: float, result: LoadResult) -> None:
    """Request small recordings with pauses; every other client keeps its connection."""
    source, streams = f"127.0.2.{1 + number % 250}", None
    await asyncio.sleep(random.uniform(0, THINKING_SECONDS))
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            async with asyncio.timeout(HONEST_TIMEOUT_SECONDS):
                if streams is None:
                    streams = await connect(target.port, source)
                status = await _download(target, streams)
            if status != b"200":
                result.errors[status.decode()] += 1
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            result.errors[repr(error)] += 1
            status = b""
        result.seconds.append(time.monotonic() - began)
        if streams is not None and (number % 2 or status != b"200"):
            streams[1].transport.abort()
            streams = None
        await asyncio.sleep(random.uniform(0, 2 * THINKING_SECONDS))
    if streams is not None:
        streams[1].transport.abort()


async def _download(target: Target, streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(target.build_request("downloadRecordFile", {"fileName": target.file_name}))
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    return head.split(b" ")[1]


async def _run_hostile_clients(target: Target, names: list[str], count: int, seconds: float) -> LoadResult:
    result, until = LoadResult(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(run_hostile_client(target, names[number % len(names)], number, until, result))
    return result


async def _run_honest_clients(target: Target, count: int, seconds: float) -> LoadResult:
    result, until = LoadResult(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(run_honest_client(target, number, until, result))
    return result


def run_load(target: Target, names: list[str], hostile: int, honest: int, seconds: float) -> LoadResult:
    """Run so many clients for so many seconds. The hostile ones have a process of their own, which is busy."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    if (child := os.fork()) == 0:
        try:
            logging.disable()  # asyncio reports every write to a connection that the server has closed
            sender.send(asyncio.run(_run_hostile_clients(target, names, hostile, seconds)))
        finally:
            os._exit(0)
    sender.close()
    result = asyncio.run(_run_honest_clients(target, honest, seconds))
    result.hostile_connections = receiver.recv().hostile_connections
    os.waitpid(child, 0)
    return result

"""A receiver of callbacks for benchmarks: responds at once, on keep-alive connections."""

import asyncio
import socket

BODY = b'{"resultCode":"0","resultDesc":"success"}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class _CallbackProtocol(asyncio.Protocol):
    """One connection; requests have a Content-Length and do not overlap."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
        if end and len(body) >= int(length or 0):
            self._data = b""
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(RESPONSE)


def serve_forever(listener: socket.socket) -> None:
    """Respond to requests until killed."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_CallbackProtocol, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())

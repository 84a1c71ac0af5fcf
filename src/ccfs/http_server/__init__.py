"""An HTTP/1.1 server on asyncio with a bound for everything that a client can hold: time, connections, memory."""

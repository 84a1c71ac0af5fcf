"""An HTTP/1.1 server on asyncio that limits everything a client can occupy: time, connections and memory."""

"""The processes of the server: the port, web processes, signals, TLS, and steps that block the event loop."""

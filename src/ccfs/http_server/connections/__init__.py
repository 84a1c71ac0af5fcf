"""Connections: their phases, time-outs, and who makes room when the server is full."""

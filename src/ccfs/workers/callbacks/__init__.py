"""Callback jobs, and the only client of outgoing HTTP."""

"""Delivering callbacks: the only outgoing HTTP."""

"""Composition of a node and entry of requests."""

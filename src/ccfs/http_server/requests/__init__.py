"""Parsing requests: heads, targets, bodies, and the memory that bodies may use."""

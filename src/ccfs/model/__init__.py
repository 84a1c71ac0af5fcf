"""Nouns: frozen keyword-only types and pure rules. The standard library only; no I/O, no clock."""

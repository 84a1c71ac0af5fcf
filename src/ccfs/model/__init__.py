"""Values and rules: immutable keyword-only types and pure functions that use only the standard library."""

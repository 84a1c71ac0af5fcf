"""Values and rules: frozen keyword-only types and pure functions on the standard library."""

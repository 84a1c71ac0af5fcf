"""Rows of the console: users, sessions, OIDC login states, the audit log."""

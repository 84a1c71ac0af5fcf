"""Rows of the whole system. Public functions take a connection first; no app owns these rows."""

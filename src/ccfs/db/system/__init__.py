"""Rows of the whole system, which belong to no app. Public functions take a connection as their first argument."""

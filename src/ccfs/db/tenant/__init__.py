"""Rows that belong to an app. Public functions that take a connection take the app as their next argument."""

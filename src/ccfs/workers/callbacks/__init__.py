"""Callback jobs, and the HTTP client that sends callbacks."""

"""Stored bytes: the interface of a location, its implementations, and the locations of a process."""
